"""Band-pass, notch, and the causal variant."""

import numpy as np
import pytest
from scipy import signal

from brainbrr.signal.filters import (
    FixedLagFilter,
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


RATE_HZ = 256


def filtered(eeg, lag_s, *, n_push, n_take):
    lagging = FixedLagFilter(design_filter(RATE_HZ, mains_hz=50.0), len(eeg), round(lag_s * 256))
    parts, n_left = [], eeg.shape[1]
    for first in range(0, eeg.shape[1], n_push):
        lagging.push(eeg[:, first : first + n_push])
        while n_left and lagging.ready(n_take, ended=False):
            parts.append(lagging.take(n_take))
            n_left -= n_take
    while n_left:
        assert lagging.ready(min(n_take, n_left), ended=True)
        parts.append(lagging.take(min(n_take, n_left)))
        n_left -= parts[-1].shape[1]
    return np.concatenate(parts, axis=1)


@pytest.fixture
def eeg():
    """Slow waves and noise around an offset, which one-way filters turn about."""
    generator = np.random.default_rng(0)
    slow = np.sin(2 * np.pi * 0.8 * np.arange(60 * RATE_HZ) / RATE_HZ) * 80.0
    return generator.standard_normal((3, 60 * RATE_HZ)) * 20.0 + slow + 1000.0


def test_nearly_the_filter_of_the_whole(eeg):
    exact = filter_zero_phase(design_filter(RATE_HZ, mains_hz=50.0), eeg)
    errors = [
        np.abs(filtered(eeg, lag_s, n_push=700, n_take=512) - exact).max() / exact.std()
        for lag_s in (3.5, 5.5, 13.0)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.01
    assert errors[2] < 1e-5


def test_blocks_do_not_matter(eeg):
    whole = filtered(eeg, 5.5, n_push=eeg.shape[1], n_take=512)
    np.testing.assert_allclose(filtered(eeg, 5.5, n_push=37, n_take=512), whole, atol=1e-9)


def test_waits_for_its_look_ahead():
    lagging = FixedLagFilter(design_filter(RATE_HZ), 1, 100)
    assert lagging.take(0).shape == (1, 0)
    lagging.push(np.empty((1, 0)))
    lagging.push(np.zeros((1, 150)))
    assert lagging.ready(50, ended=False)
    assert not lagging.ready(51, ended=False)
    assert lagging.ready(150, ended=True)
