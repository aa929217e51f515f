import math

import pytest

from brainbrr.errors import InvalidInput
from brainbrr.events.event import Event


@pytest.mark.parametrize(
    ("onset_s", "duration_s"), [(0.0, 0.0), (0.0, -1.0), (math.nan, 1.0), (0.0, math.inf)]
)
def test_impossible_times_are_refused(onset_s, duration_s):
    with pytest.raises(InvalidInput, match="positive, finite duration in seconds; got onset"):
        Event(onset_s, duration_s)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(InvalidInput, match="a confidence from 0 to 1; got"):
        Event(0.0, 1.0, confidence=confidence)


@pytest.mark.parametrize(
    ("code", "is_seizure"),
    [("sz", True), ("SZ", True), ("sz_foc_ia", True), ("sz-foc", True), ("bckg", False),
     ("szx", False), ("nesz", False)],
)  # fmt: skip
def test_codes_of_seizures(code, is_seizure):
    assert Event(1.0, 2.0, code).is_seizure is is_seizure


def test_an_event_ends_after_its_duration():
    assert Event(1.5, 2.0).offset_s == 3.5
