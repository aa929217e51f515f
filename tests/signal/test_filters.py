"""Band-pass, notch, and the causal variant."""

import numpy as np
import pytest
from scipy import signal

from brainbrr.signal.filters import (
    design_filter,
    filter_zero_phase,
    settling_samples,
)

RATE_HZ = 256.0


def amplitude_of(filtered, frequency_hz):
    middle = filtered[..., len(filtered.T) // 4 : -len(filtered.T) // 4]
    time_s = np.arange(middle.shape[-1]) / RATE_HZ
    return 2 * np.abs(middle @ np.exp(-2j * np.pi * frequency_hz * time_s)) / middle.shape[-1]


@pytest.fixture
def sections():
    return design_filter(RATE_HZ, mains_hz=50.0)


@pytest.mark.parametrize(
    ("frequency_hz", "low", "high"),
    [(0.05, 0, 1e-4), (1, 0.98, 1.01), (3, 0.99, 1.01), (10, 0.99, 1.01), (30, 0.98, 1.01),
     (50, 0, 1e-3), (70, 0.98, 1.01), (100, 0, 1e-3), (127, 0, 1e-4)],
)  # fmt: skip
def test_band_and_notch(sections, frequency_hz, low, high):
    time_s = np.arange(int(120 * RATE_HZ)) / RATE_HZ
    filtered = filter_zero_phase(sections, np.sin(2 * np.pi * frequency_hz * time_s)[None])
    assert low <= amplitude_of(filtered, frequency_hz)[0] <= high


def test_no_delay(sections):
    pulse = np.zeros((1, 4001))
    pulse[0, 2000] = 1.0
    filtered = filter_zero_phase(sections, pulse)[0]
    assert np.argmax(filtered) == 2000
    np.testing.assert_allclose(filtered, filtered[::-1], atol=1e-6)


def test_context_of_settling_samples_is_enough(sections):
    eeg = np.random.default_rng(1).standard_normal((2, 30_000)) * 100
    context = settling_samples(sections)
    whole = filter_zero_phase(sections, eeg)
    part = filter_zero_phase(sections, eeg[:, 12_000 - context : 14_000 + context])
    np.testing.assert_allclose(part[:, context:-context], whole[:, 12_000:14_000], atol=1e-4)


def test_a_band_up_to_half_the_rate_needs_no_upper_edge():
    sections = design_filter(256.0, 0.5, 128.0)
    _, response = signal.sosfreqz(sections, worN=[127.0], fs=256.0)
    assert abs(response[0]) == pytest.approx(1.0, abs=1e-3)
