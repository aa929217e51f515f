import numpy as np
import pytest

from brainbrr.signal.baselines import (
    band_power,
    band_power_probability,
    line_length,
    line_length_probability,
)

RATE_HZ = 256
TIME_S = np.arange(60 * RATE_HZ) / RATE_HZ
QUIET = 10 * np.random.default_rng(1).standard_normal((19, len(TIME_S)))


def test_line_length_is_the_mean_step():
    ramp = np.tile(np.arange(1000.0) * 3, (2, 1))
    assert line_length(ramp, RATE_HZ)[:, 300:-300] == pytest.approx(np.full((2, 400), 3.0))


def test_band_power_of_a_sine_is_half_its_squared_amplitude_inside_the_band_alone():
    sine = 20 * np.sin(2 * np.pi * 5 * TIME_S)[None]
    inside = band_power(sine, RATE_HZ, low_hz=2, high_hz=9)[0, 10 * RATE_HZ : -10 * RATE_HZ]
    outside = band_power(sine, RATE_HZ, low_hz=15, high_hz=25)[0, 10 * RATE_HZ : -10 * RATE_HZ]
    assert inside == pytest.approx(np.full_like(inside, 200.0), rel=0.05)
    assert outside.max() < 1


@pytest.mark.parametrize(
    ("baseline", "burst_hz"), [(line_length_probability, 40), (band_power_probability, 5)]
)
def test_a_baseline_rises_where_the_signal_does(baseline, burst_hz):
    eeg_uv = QUIET.copy()
    burst = slice(20 * RATE_HZ, 30 * RATE_HZ)
    eeg_uv[:, burst] += 60 * np.sin(2 * np.pi * burst_hz * TIME_S[burst])
    probability = baseline(eeg_uv, RATE_HZ)
    assert probability.shape == TIME_S.shape and probability.dtype == np.float32
    assert probability.min() >= 0 and probability.max() <= 1
    assert np.median(probability) == pytest.approx(0.5, abs=0.03)
    assert probability[22 * RATE_HZ : 28 * RATE_HZ].min() > 0.65


@pytest.mark.parametrize("baseline", [line_length_probability, band_power_probability])
def test_gain_and_flat_electrodes_do_not_matter(baseline):
    eeg_uv = QUIET.copy()
    eeg_uv[4] = 0
    assert baseline(7 * eeg_uv, RATE_HZ) == pytest.approx(baseline(eeg_uv, RATE_HZ), abs=1e-4)
    assert baseline(np.zeros((19, 5000)), RATE_HZ) == pytest.approx(np.full(5000, 0.5))
