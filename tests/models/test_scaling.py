import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.models.scaling import standardize

OBSERVED = torch.tensor([[True, True, False]])
CENTER = torch.tensor([[10.0, 0.0, torch.nan]])
SCALE = torch.tensor([[20.0, 5.0, 0.0]])


def test_steps_become_spreads_from_the_centre():
    steps = torch.tensor([[[300, 500], [-100, 50], [7, 9]]], dtype=torch.int16)
    scaled = standardize(steps, OBSERVED, CENTER, SCALE)
    want = torch.tensor([[[1.0, 2.0], [-2.0, 1.0], [0.0, 0.0]]])
    torch.testing.assert_close(scaled, want)


def test_microvolts_and_steps_agree():
    steps = torch.randint(-3000, 3000, (1, 3, 50), dtype=torch.int16)
    torch.testing.assert_close(
        standardize(steps, OBSERVED, CENTER, SCALE),
        standardize(steps.float() * 0.1, OBSERVED, CENTER, SCALE),
    )


def test_artefacts_are_cut_on_both_sides():
    eeg_uv = torch.tensor([[[1e6, -1e6], [0.0, 0.0], [0.0, 0.0]]])
    assert standardize(eeg_uv, OBSERVED, CENTER, SCALE, clip=8.0)[0, 0].tolist() == [8.0, -8.0]


def test_what_an_absent_electrode_holds_becomes_zero():
    eeg_uv = torch.full((1, 3, 4), torch.nan)
    eeg_uv[:, :2] = 1.0
    scaled = standardize(eeg_uv, OBSERVED, CENTER, SCALE)
    assert scaled.isfinite().all() and (scaled[:, 2] == 0).all()


@pytest.mark.parametrize("scale", [0.0, -1.0, torch.nan])
def test_an_observed_electrode_needs_a_positive_scale(scale):
    with pytest.raises(InvalidInput, match="positive scale.*got 1 without one"):
        standardize(torch.zeros(1, 3, 4), OBSERVED, CENTER, torch.tensor([[scale, 1.0, 1.0]]))
