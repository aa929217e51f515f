"""Preparation of a signal as it arrives: no bit depends on how it was cut into blocks."""

import numpy as np
import pytest

from brainbrr.data.preparation.preparation import (
    ImplausibleAmplitude,
    MissingElectrodes,
    Preparation,
)
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quality import QualityLimits
from brainbrr.streaming.live_preparation import MAINS_S, LivePreparation

RATE_HZ = 128.0
LABELS = [f"EEG {name}-REF" for name in ELECTRODES]


def eeg_of(seconds, size_uv=20.0):
    generator = np.random.default_rng(0)
    return (size_uv * generator.standard_normal((19, round(seconds * RATE_HZ)))).astype(np.float32)


def prepared(eeg_uv, sizes, labels=LABELS, **numbers):
    live = LivePreparation(labels, RATE_HZ, Preparation(**{"mains": None} | numbers))
    chunks = []
    for block in np.split(eeg_uv, np.cumsum(sizes), axis=1) if sizes else [eeg_uv]:
        chunks += live.push(block)
    chunks += live.end_run()
    observed = np.repeat(
        [chunk.observed for chunk in chunks], [chunk.eeg.shape[1] for chunk in chunks], axis=0
    )
    return np.concatenate([chunk.eeg for chunk in chunks], axis=1), observed.T


@pytest.mark.parametrize("sizes", [[1, 2, 3], [100] * 30, [256] * 15, [4000]])
@pytest.mark.parametrize("mains", [None, "auto"])
def test_blocks_of_any_size_give_the_same_bits(sizes, mains):
    eeg_uv = eeg_of(33.25)
    eeg_uv[4, 700:1500] = 0.0
    eeg, observed = prepared(eeg_uv, sizes, mains=mains)
    whole, whole_observed = prepared(eeg_uv, [], mains=mains)
    assert eeg.shape == (19, round(33.25 * 256))
    np.testing.assert_array_equal(eeg, whole)
    np.testing.assert_array_equal(observed, whole_observed)
    assert not observed[4, 1500:2900].any()
    assert observed[4, -2000:].all()


def test_what_is_prepared_never_depends_on_the_far_future():
    eeg_uv = eeg_of(60)
    changed = eeg_uv.copy()
    changed[:, round(40 * RATE_HZ) :] *= 2
    before, _ = prepared(eeg_uv, [])
    after, _ = prepared(changed, [])
    live = LivePreparation(LABELS, RATE_HZ, Preparation(mains=None))
    same = round((40 - live.latency_s) * 256)
    np.testing.assert_array_equal(before[:, :same], after[:, :same])
    assert not np.array_equal(before[:, 40 * 256 :], after[:, 40 * 256 :])


def test_chunks_come_within_the_stated_latency():
    live = LivePreparation(LABELS, RATE_HZ, Preparation(mains=None))
    n_out = 0
    for second in range(1, 61):
        chunks = live.push(eeg_of(1))
        n_out += sum(chunk.eeg.shape[1] for chunk in chunks)
        assert n_out / 256 >= second - live.latency_s
    assert live.settling_s == 0.0


def test_a_signal_is_held_back_until_the_mains_are_known():
    live = LivePreparation(LABELS, RATE_HZ, Preparation(mains="auto"))
    assert live.settling_s == MAINS_S
    assert live.push(eeg_of(MAINS_S - 1)) == []
    assert live.push(eeg_of(1)) != []
    assert live.settling_s == 0.0


def test_an_empty_run_gives_nothing():
    assert LivePreparation(LABELS, RATE_HZ, Preparation()).end_run() == []


@pytest.mark.parametrize("size_uv", [0.02e-3, 20e6])
def test_a_wrong_unit_is_refused(size_uv):
    limits = {"min_spread_uv": 1.0, "max_spread_uv": 1000.0}
    quiet = QualityLimits(flat_uv=0.0, disconnected_uv=1e12)
    live = LivePreparation(LABELS, RATE_HZ, Preparation(mains=None, quality=quiet, **limits))
    with pytest.raises(ImplausibleAmplitude, match="1 to 1000 uV; got .*unit="):
        live.push(eeg_of(60, size_uv))


def test_labels_that_are_no_electrodes_are_refused():
    with pytest.raises(MissingElectrodes, match="of the 19 electrodes; got 0"):
        LivePreparation(["ECG", "EMG"], RATE_HZ, Preparation())
