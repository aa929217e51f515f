import numpy as np
import pytest
import torch

from brainbrr.data.windows.augmentation import (
    AddScattered,
    ChannelDropout,
    Crop,
    Gain,
    Mirror,
    Sequential,
    TimeShift,
    microvolts,
)
from brainbrr.data.windows.dataset import WindowDataset
from brainbrr.data.windows.filter_augmentation import BandStop, Equalize, HighPass
from brainbrr.errors import InvalidOption
from brainbrr.signal.electrodes import ELECTRODES, MIRRORED
from tests import tiny_corpus as tiny

CHANGES = [
    Gain(3.0),
    Gain(1.0, common_db=10.0),
    Crop(0.7, 1.0, tiny.RATE_HZ),
    ChannelDropout(0.3),
    TimeShift(1.0, tiny.RATE_HZ),
    Mirror(0.5),
    BandStop(0.7, 4.0, 1.0, 12.0, tiny.RATE_HZ),
    Equalize(0.7, 3.0, tiny.RATE_HZ),
    HighPass(0.7, 0.5, 4.0, tiny.RATE_HZ),
    AddScattered(0.7, 1.0, 0.5, tiny.RATE_HZ),
]


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    return WindowDataset(tiny.corpus(folder), folder, tiny.WINDOWING).__getitems__(range(4, 20))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("change", [*CHANGES, Sequential(CHANGES)], ids=lambda c: type(c).__name__)
def test_the_same_seed_gives_the_same_change_and_leaves_the_batch_alone(change, batch):
    kept = [part.clone() for part in batch]
    one, same = change(batch, generator()), change(batch, generator())
    other = change(batch, generator(1))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(batch, kept, strict=True))
    assert all(a.shape == b.shape for a, b in zip(one, batch, strict=True))


def test_gain_is_one_factor_an_electrode_within_its_bound(batch):
    louder = Gain(6.0)(batch, generator())
    before, after = microvolts(batch.eeg), louder.eeg
    ratio = (after.norm(dim=2) / before.norm(dim=2)).log10() * 20
    assert ratio.abs().max() <= 6.0 and ratio.std() > 1.0
    scaled = before * (after[:, :, :1] / before[:, :, :1])
    message = before[:, :, :1].abs() > 1.0
    assert torch.allclose(
        scaled[message.expand_as(scaled)], after[message.expand_as(after)], rtol=1e-3
    )


def test_a_common_gain_is_one_factor_a_window(batch):
    louder = Gain(0.0, common_db=12.0)(batch, generator())
    ratio = (louder.eeg.norm(dim=2) / microvolts(batch.eeg).norm(dim=2)).log10() * 20
    assert ratio.abs().max() <= 12.001 and ratio[:, 0].std() > 1.0
    assert (ratio - ratio[:, :1]).abs().max() < 1e-2


def test_a_crop_keeps_one_part_at_the_start_with_its_labels(batch):
    marked = batch._replace(
        eeg=torch.arange(1, batch.eeg.shape[2] + 1).expand(batch.eeg.shape).short(),
        label=(torch.arange(batch.eeg.shape[2]) % 2 == 0).expand(batch.label.shape),
    )
    length = batch.eeg.shape[2]
    cropped = Crop(1.0, 0.25 * length, rate_hz=1.0)(marked, generator())
    kept = (cropped.eeg[:, 0] != 0).sum(1)
    assert (kept >= 0.25 * length - 1).all() and kept.float().std() > 0
    for eeg, label, valid, n in zip(cropped.eeg[:, 0], cropped.label, cropped.valid, kept,
                                    strict=True):  # fmt: skip
        part = eeg[:n].long()
        assert (part.diff() == 1).all() and not eeg[n:].any()
        assert torch.equal(label[:n], part % 2 == 1) and not label[n:].any()
        assert not valid[n:].any()
    untouched = Crop(0.0, 1.0, rate_hz=1.0)(marked, generator())
    assert torch.equal(untouched.eeg, marked.eeg)


def test_dropout_takes_electrodes_away_but_never_all(batch):
    fewer = ChannelDropout(0.3)(batch, generator())
    assert not (fewer.observed & ~batch.observed).any()
    assert 0.5 < fewer.observed.float().mean() < 0.9
    hardly = ChannelDropout(0.999)(batch, generator())
    assert (hardly.observed.sum(1) >= 1).all() and hardly.observed.float().mean() < 0.2
    one_left = batch._replace(observed=torch.zeros_like(batch.observed))
    one_left.observed[:, 3] = True
    assert torch.equal(ChannelDropout(0.999)(one_left, generator()).observed, one_left.observed)


def test_a_shift_moves_signal_and_labels_together(batch):
    marked = batch._replace(eeg=batch.label[:, None].expand(batch.eeg.shape).to(torch.int16))
    shifted = TimeShift(2.0, tiny.RATE_HZ)(marked, generator())
    assert torch.equal(shifted.eeg[:, 0] > 0, shifted.label)
    assert not torch.equal(shifted.label, batch.label)
    lost = batch.valid.sum(1) - shifted.valid.sum(1)
    assert lost.max() > 0 and lost.max() <= 2.0 * tiny.RATE_HZ
    assert not shifted.eeg[(~shifted.valid)[:, None].expand(shifted.eeg.shape)].any()


def test_mirroring_swaps_sides_and_twice_is_nothing(batch):
    mirrored = Mirror(1.0)(batch, generator())
    left, right = ELECTRODES.index("T3"), ELECTRODES.index("T4")
    assert torch.equal(mirrored.eeg[:, left], batch.eeg[:, right])
    assert torch.equal(
        mirrored.eeg[:, ELECTRODES.index("Cz")], batch.eeg[:, ELECTRODES.index("Cz")]
    )
    twice = Mirror(1.0)(mirrored, generator())
    assert all(torch.equal(a, b) for a, b in zip(twice, batch, strict=True))
    assert sorted(MIRRORED) == list(range(len(ELECTRODES)))


def test_a_band_stop_removes_power_in_its_band_only(batch):
    stopped = BandStop(1.0, 4.0, 7.9999, 8.0001, tiny.RATE_HZ)(batch, generator())
    before, after = (
        np.abs(np.fft.rfft(eeg.numpy())) for eeg in (microvolts(batch.eeg), stopped.eeg)
    )
    frequency_hz = np.fft.rfftfreq(batch.eeg.shape[-1], 1 / tiny.RATE_HZ)
    share = after.mean((0, 1)) / before.mean((0, 1))
    assert share[np.abs(frequency_hz - 8.0) < 0.01].max() < 0.1
    assert np.allclose(share[np.abs(frequency_hz - 8.0) > 3.1], 1.0, atol=1e-4)


def test_an_equalizer_has_one_smooth_curve_for_all_electrodes_that_keeps_8_hz(batch):
    changed = Equalize(1.0, 4.0, tiny.RATE_HZ)(batch, generator())
    before, after = (torch.fft.rfft(eeg) for eeg in (microvolts(batch.eeg), changed.eeg))
    frequency_hz = np.fft.rfftfreq(batch.eeg.shape[-1], 1 / tiny.RATE_HZ)
    strong = before.abs() > 1.0
    gain_db = torch.where(strong, 20 * (after / before).abs().log10(), torch.nan)
    of_window = gain_db.nanmedian(1, keepdim=True).values
    assert ((gain_db - of_window).abs().nan_to_num() < 0.1).all()
    assert of_window[..., np.argmin(np.abs(frequency_hz - 8.0))].abs().max() < 0.1
    at_1_hz = of_window[:, 0, np.argmin(np.abs(frequency_hz - 1.0))]
    assert at_1_hz.abs().max() > 4.0 and at_1_hz.min() < 0 < at_1_hz.max()


def test_a_high_pass_is_a_butterworth_filter_between_its_corners(batch):
    changed = HighPass(1.0, 2.0, 2.0, tiny.RATE_HZ)(batch, generator())
    before, after = (torch.fft.rfft(eeg) for eeg in (microvolts(batch.eeg), changed.eeg))
    frequency_hz = np.fft.rfftfreq(batch.eeg.shape[-1], 1 / tiny.RATE_HZ)
    gain = torch.where(before.abs() > 1.0, (after / before).abs(), torch.nan).nanmedian(1).values
    gain = gain.numpy()
    at_corner = gain[:, np.argmin(np.abs(frequency_hz - 2.0))]
    assert np.allclose(at_corner, np.sqrt(0.5), atol=1e-3)
    orders = -np.log2(gain[:, np.argmin(np.abs(frequency_hz - 0.25))]) / 3
    assert np.allclose(orders, np.rint(orders), atol=0.02)
    assert {1, 4} <= set(np.rint(orders)) <= {1, 2, 3, 4}
    assert (gain[:, frequency_hz > 8.0] > 0.96).all()


def test_what_is_scattered_is_another_electrode_delayed(batch):
    eeg_uv = torch.zeros(batch.eeg.shape)
    at = eeg_uv.shape[2] // 2
    eeg_uv[:, 3, at] = 100.0
    observed = torch.ones_like(batch.observed)
    valid = torch.ones_like(batch.valid)
    sharp = batch._replace(
        eeg=eeg_uv, observed=observed, valid=valid, center_uv=torch.zeros_like(batch.center_uv)
    )
    changed = AddScattered(1.0, 0.5, 0.5, tiny.RATE_HZ)(sharp, generator())
    added = changed.eeg - eeg_uv
    for window in added:
        ((electrode, sample),) = window.nonzero().tolist()
        assert at <= sample <= at + 0.5 * tiny.RATE_HZ
        assert 0 < window[electrode, sample] <= 50.0
    absent = sharp._replace(observed=observed.index_fill(1, torch.tensor([3]), False))
    changed = AddScattered(1.0, 0.5, 0.5, tiny.RATE_HZ)(absent, generator())
    assert torch.equal(changed.eeg, eeg_uv)


def test_no_changes_are_none(batch):
    assert Sequential([])(batch, generator()) is batch


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gain(-1.0),
        lambda: Gain(1.0, common_db=-1.0),
        lambda: Crop(1.5, 1.0, 256.0),
        lambda: Crop(0.5, 0.0, 256.0),
        lambda: ChannelDropout(1.0),
        lambda: TimeShift(-1.0, 256.0),
        lambda: Mirror(1.5),
        lambda: BandStop(0.5, 4.0, 10.0, 5.0, 256.0),
        lambda: Equalize(1.5, 4.0, 256.0),
        lambda: Equalize(0.5, 0.0, 256.0),
        lambda: HighPass(1.5, 1.0, 2.0, 256.0),
        lambda: HighPass(0.5, 3.0, 2.0, 256.0),
        lambda: HighPass(0.5, 0.0, 2.0, 256.0),
        lambda: AddScattered(1.5, 1.0, 1.0, 256.0),
        lambda: AddScattered(0.5, 0.0, 1.0, 256.0),
        lambda: AddScattered(0.5, 1.0, 0.0, 256.0),
    ],
)
def test_impossible_settings_are_refused(make):
    with pytest.raises(InvalidOption, match="Correct the augmentation group"):
        make()
