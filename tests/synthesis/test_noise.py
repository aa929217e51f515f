"""Random signals have the spectrum and size they are asked for; envelopes and sums their edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import welch

from brainbrr.synthesis.noise import (
    add_at,
    band_noise,
    muscle_noise,
    power_law,
    shaped_noise,
    slow_wander,
    taper,
)

RATE_HZ = 256.0
N_SAMPLES = 60 * 256


def generator():
    return np.random.default_rng(0)


def power_of(signal):
    frequencies_hz, power = welch(signal, RATE_HZ, nperseg=1024)
    return frequencies_hz, power.mean(axis=0)


@pytest.mark.parametrize(
    "signal",
    [
        band_noise(generator(), 8, N_SAMPLES, RATE_HZ, 10.0, 1.0),
        muscle_noise(generator(), 8, N_SAMPLES, RATE_HZ),
        shaped_noise(generator(), 8, N_SAMPLES, RATE_HZ, power_law(np.full(8, 1.0))),
        slow_wander(generator(), 8, N_SAMPLES, RATE_HZ, 1.0),
    ],
    ids=["band", "muscle", "power law", "wander"],
)
def test_noise_has_unit_variance_and_independent_rows(signal):
    assert signal.shape == (8, N_SAMPLES)
    assert signal.dtype == np.float32
    assert float(np.mean(signal**2)) == pytest.approx(1.0, abs=0.15)
    correlation = np.corrcoef(signal) - np.eye(8)
    assert np.abs(correlation).max() < 0.5


def test_band_noise_lies_in_its_band():
    frequencies_hz, power = power_of(band_noise(generator(), 8, N_SAMPLES, RATE_HZ, 10.0, 1.0))
    inside = (frequencies_hz > 7) & (frequencies_hz < 13)
    assert power[inside].sum() > 0.98 * power.sum()
    assert frequencies_hz[power.argmax()] == pytest.approx(10.0, abs=0.6)


def test_muscle_is_above_twenty_hertz():
    frequencies_hz, power = power_of(muscle_noise(generator(), 8, N_SAMPLES, RATE_HZ))
    assert power[frequencies_hz < 12].sum() < 0.02 * power.sum()
    assert power[frequencies_hz > 20].sum() > 0.8 * power.sum()


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_power_falls_with_the_exponent_above_the_lowest_frequency(exponent):
    amplitude = power_law(np.array([exponent]), low_hz=0.5)(np.array([0.0, 20.0, 40.0]))[0]
    assert amplitude[0] == 0.0
    assert (amplitude[1] / amplitude[2]) ** 2 == pytest.approx(2**exponent, rel=1e-2)


def test_wander_is_smooth_over_its_period():
    wander = slow_wander(generator(), 4, N_SAMPLES, RATE_HZ, period_s=4.0)
    assert np.abs(np.diff(wander, axis=1)).max() < 0.05
    lag = 12 * 256
    assert np.abs(np.mean(wander[:, lag:] * wander[:, :-lag])) < 0.5 * np.mean(wander**2)


def test_the_generator_decides():
    first, second = (muscle_noise(generator(), 2, 1000, RATE_HZ) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, muscle_noise(np.random.default_rng(1), 2, 1000, RATE_HZ))


def test_a_taper_rises_stays_and_falls():
    envelope = taper(1000, 100.0, rise_s=2.0, fall_s=3.0)
    assert envelope[0] < 1e-3
    assert envelope[-1] < 1e-3
    assert (np.diff(envelope[:200]) > 0).all()
    np.testing.assert_allclose(envelope[200:700], 1.0, atol=1e-6)
    assert (np.diff(envelope[705:]) < 0).all()
    assert (taper(50, 100.0, rise_s=0.0, fall_s=0.0) == 1).all()


@given(st.integers(1, 20), st.integers(1, 12), st.integers(-30, 40))
def test_a_snippet_is_added_where_it_overlaps_and_nowhere_else(n_samples, length, start):
    signal, snippet = np.ones(n_samples, np.float32), np.arange(1, length + 1, dtype=np.float32)
    padded = np.ones(n_samples + 200, np.float32)
    padded[100 + start : 100 + start + length] += snippet
    add_at(signal, snippet, start)
    np.testing.assert_array_equal(signal, padded[100 : 100 + n_samples])
