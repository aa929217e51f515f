import numpy as np
import pytest
from scipy.signal import find_peaks

from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.positions import POSITIONS
from brainbrr.synthesis.patterns import PATTERNS, burst_suppression
from tests.synthesis.spectra import dominant_hz

RATE_HZ = 256
SECONDS = 40
LEFT, RIGHT = POSITIONS[:, 0] < -0.2, POSITIONS[:, 0] > 0.2


def make(name, seed=0):
    generator = np.random.default_rng(seed)
    return PATTERNS[name](generator, SECONDS * RATE_HZ, RATE_HZ, 60.0)


def sides(signal):
    spread = signal.std(axis=1)
    return sorted([float(spread[LEFT].max()), float(spread[RIGHT].max())])


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("rate_hz", [128, 500])
def test_patterns_are_finite_at_any_rate_and_about_the_asked_size(name, rate_hz):
    signal = PATTERNS[name](np.random.default_rng(1), 12 * rate_hz, rate_hz, 60.0)
    assert signal.shape == (N_ELECTRODES, 12 * rate_hz) and signal.dtype == np.float32
    assert np.isfinite(signal).all() and 6 < np.abs(signal).max() < 1200


@pytest.mark.parametrize("name", ["lpd", "lrda"])
def test_lateralized_patterns_keep_to_one_side(name):
    for seed in range(5):
        weak, strong = sides(make(name, seed))
        assert weak < 0.75 * strong


@pytest.mark.parametrize("name", ["gpd", "grda"])
def test_generalized_patterns_reach_both_sides(name):
    for seed in range(5):
        weak, strong = sides(make(name, seed))
        assert weak > 0.6 * strong


@pytest.mark.parametrize("name", ["lrda", "grda"])
def test_rhythmic_delta_keeps_its_frequency_below_that_of_a_seizure(name):
    for seed in range(4):
        signal = make(name, seed)
        row = signal[signal.std(axis=1).argmax()]
        early, late = (dominant_hz(part, RATE_HZ, 0.5, 8) for part in np.array_split(row, 2))
        assert 0.8 < early < 2.6 and abs(early - late) < 0.3


@pytest.mark.parametrize("name", ["lpd", "gpd"])
def test_discharges_are_periodic_and_no_faster_than_two_and_a_half_per_second(name):
    for seed in range(4):
        signal = make(name, seed)
        row = np.abs(signal[signal.std(axis=1).argmax()])
        peaks, _ = find_peaks(row, height=0.45 * row.max(), distance=round(0.3 * RATE_HZ))
        gaps_s = np.diff(peaks) / RATE_HZ
        assert np.median(gaps_s) > 0.38
        assert np.abs(gaps_s - np.median(gaps_s)).mean() < 0.5 * np.median(gaps_s)


def test_runs_of_spike_and_wave_are_shorter_than_three_seconds():
    for seed in range(4):
        signal = make("spike_wave_runs", seed)
        on = np.abs(signal).max(axis=0) > 0
        edges = np.flatnonzero(np.diff(np.r_[0, on.astype(int), 0]))
        assert (np.diff(edges)[::2] < 3 * RATE_HZ).all() and on.any()


def test_lids_are_seen_by_the_front_alone():
    spread = make("rhythmic_blinking").std(axis=1)
    assert spread[ELECTRODES.index("O1")] < 0.1 * spread[ELECTRODES.index("Fp1")]


def test_bursts_alternate_with_suppression():
    bursts = burst_suppression(np.random.default_rng(0), 120 * RATE_HZ, RATE_HZ, 30.0)
    low = bursts.background[0] < 0.2
    assert 0.2 < low.mean() < 0.97
    assert np.abs(bursts.waves_uv[:, low]).mean() < 0.3 * np.abs(bursts.waves_uv[:, ~low]).mean()
