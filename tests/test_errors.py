"""An error states a problem and its remedy, in one of two forms."""

import pickle

import pytest

from brainbrr.errors import BrainbrrError, InvalidOption


def test_a_value_is_refused_with_what_was_expected_and_got() -> None:
    error = InvalidOption("a rate above 0 Hz", "-1 Hz", "Correct signal.rate_hz.")
    assert str(error) == (
        "InvalidOption: expected a rate above 0 Hz; got -1 Hz. Correct signal.rate_hz."
    )
    assert (error.expected, error.got) == ("a rate above 0 Hz", "-1 Hz")


def test_a_state_is_refused_with_what_happened() -> None:
    error = InvalidOption("the stream is already finished", "Open a new one.")
    assert str(error) == "InvalidOption: the stream is already finished. Open a new one."
    assert (error.expected, error.remedy) == ("", "Open a new one.")


@pytest.mark.parametrize("parts", [("a", "b"), ("a", "b", "c")])
def test_errors_travel_between_processes(parts: tuple[str, ...]) -> None:
    error = BrainbrrError(*parts)  # type: ignore[call-overload]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
