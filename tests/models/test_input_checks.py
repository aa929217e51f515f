"""What a network refuses before it computes, each refusal with its remedy."""

import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.models.input_checks import NonFiniteInput, check_input, values_unread


def good():
    return torch.zeros(3, 19, 32), torch.ones(3, 19, dtype=torch.bool)


def test_a_mask_comes_back_as_it_was_and_full_when_none_was_given():
    eeg, observed = good()
    observed[1, 4] = False
    assert check_input(eeg, observed, 19, 16) is observed
    full = check_input(eeg, None, 19, 16)
    assert full.shape == (3, 19)
    assert full.dtype == torch.bool
    assert full.all()


@pytest.mark.parametrize(
    ("eeg", "message"),
    [
        (torch.zeros(19, 32), r"\(batch, 19, samples\); got \(19, 32\)"),
        (torch.zeros(1, 18, 32), r"got \(1, 18, 32\)"),
        (torch.zeros(0, 19, 32), r"got \(0, 19, 32\)"),
        (torch.zeros(1, 19, 0), "a multiple of 16 samples; got 0"),
        (torch.zeros(1, 19, 33), "a multiple of 16 samples; got 33"),
        (torch.zeros(1, 19, 32, dtype=torch.int16), "floating-point EEG; got torch.int16"),
    ],
)
def test_shapes_and_types_are_refused(eeg, message):
    with pytest.raises(InvalidInput, match=message):
        check_input(eeg, None, 19, 16)


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        (torch.ones(3, 19), "a boolean mask of electrodes; got torch.float32"),
        (torch.ones(3, 18, dtype=torch.bool), r"shape \(3, 19\); got \(3, 18\)"),
        (torch.ones(19, dtype=torch.bool), r"shape \(3, 19\); got \(19,\)"),
    ],
)
def test_masks_that_do_not_fit_are_refused(observed, message):
    with pytest.raises(InvalidInput, match=message):
        check_input(good()[0], observed, 19, 16)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused_by_window(value):
    eeg, observed = good()
    eeg[1, 2, 3] = value
    with pytest.raises(NonFiniteInput, match=r"in windows \[1\] of the batch"):
        check_input(eeg, observed, 19, 16)


def test_windows_without_any_electrode_are_refused_by_number():
    eeg, observed = good()
    observed[[0, 2]] = False
    with pytest.raises(InvalidInput, match=r"none in windows \[0, 2\] of the batch"):
        check_input(eeg, observed, 19, 16)


def test_unread_values_are_not_judged_but_shapes_are_and_reading_resumes():
    eeg, observed = good()
    eeg[1, 2, 3] = float("nan")
    with values_unread():
        assert check_input(eeg, observed, 19, 16) is observed
        with values_unread():
            pass
        check_input(eeg, observed, 19, 16)
        with pytest.raises(InvalidInput, match="a multiple of 16"):
            check_input(eeg[..., :31], observed, 19, 16)
    with pytest.raises(NonFiniteInput):
        check_input(eeg, observed, 19, 16)
