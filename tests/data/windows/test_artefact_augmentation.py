import pytest
import torch

from brainbrr.data.windows.artefact_augmentation import AddArtefact
from brainbrr.data.windows.augmentation import microvolts
from brainbrr.errors import InvalidOption
from tests import tiny_corpus as tiny

CHANGE = AddArtefact(probability=0.5, min_s=2.0, max_s=4.0, max_strength=5.0, rate_hz=64.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_some_windows_are_overlaid_for_a_while_and_labels_stay():
    batch = tiny.batch_of(40)
    changed = CHANGE(batch, generator())
    overlay = changed.eeg - microvolts(batch.eeg)
    touched = overlay.abs().amax((1, 2)) > 1e-3
    assert 10 < touched.sum() < 30
    lasting = (overlay[touched].abs().amax(1) > 1e-3).sum(1)
    assert lasting.max() <= 4.0 * 64 and lasting.median() > 64
    assert torch.equal(changed.label, batch.label)
    # The average reference holds: what is added sums to nothing over the electrodes.
    assert overlay.mean(1).abs().max() < 1e-3
    again = CHANGE(batch, generator())
    assert torch.equal(again.eeg, changed.eeg)
    assert not torch.equal(CHANGE(batch, generator(1)).eeg, changed.eeg)


def test_padding_stays_silent():
    batch = tiny.batch_of(20)
    batch.valid[:, 100:] = False
    batch.eeg[:, :, 100:] = 0
    assert not CHANGE(batch, generator()).eeg[:, :, 100:].any()


def test_names_that_do_not_exist_and_impossible_numbers_are_refused():
    numbers = {"min_s": 2.0, "max_s": 4.0, "max_strength": 5.0, "rate_hz": 64.0}
    with pytest.raises(InvalidOption, match="kinds among chewing.*got sneezing"):
        AddArtefact(probability=0.5, kinds=["sneezing"], **numbers)
    with pytest.raises(InvalidOption, match="1 <= min_s <= max_s"):
        AddArtefact(probability=0.5, **(numbers | {"max_s": 1.0}))
