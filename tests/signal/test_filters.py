"""Band-pass, notch, and the causal variant."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import signal

from brainbrr.signal.filters import (
    CausalFilter,
    design_filter,
    filter_zero_phase,
    group_delay_s,
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


def test_causal_has_the_same_amplitudes_and_a_known_delay(sections):
    """Parity: within 0.1 dB from 0.5 to 110 Hz, and late by what `group_delay_s` says."""
    causal = CausalFilter(sections, 1)
    pulse = np.zeros((1, 2**15))
    pulse[0, 2**14] = 1.0
    late, prompt = causal(pulse)[0], filter_zero_phase(sections, pulse)[0]
    frequency_hz = np.fft.rfftfreq(2**15, 1 / RATE_HZ)
    band = (frequency_hz > 0.5) & (frequency_hz < 110) & (np.abs(frequency_hz % 50) > 1)
    ratio_db = 20 * np.log10(np.abs(np.fft.rfft(late) / np.fft.rfft(prompt))[band])
    assert np.abs(ratio_db).max() < 0.1
    shift = np.unwrap(np.angle(np.fft.rfft(prompt) / np.fft.rfft(late)))
    measured_s = np.gradient(shift, 2 * np.pi * frequency_hz)
    for hz in (2.0, 5.0, 10.0, 20.0):
        at = int(np.argmin(np.abs(frequency_hz - hz)))
        assert measured_s[at] == pytest.approx(
            group_delay_s(sections, RATE_HZ, np.array([hz]))[0], abs=1e-3
        )
    assert group_delay_s(sections, RATE_HZ, np.array([3.0, 10.0, 30.0])).max() < 0.12


def test_causal_blocks_of_any_length_equal_one_call(sections):
    eeg = np.random.default_rng(0).standard_normal((3, 2000)) + 1000.0
    whole = CausalFilter(sections, 3)(eeg)
    pieces = CausalFilter(sections, 3)
    cuts = [0, 1, 17, 17, 500, 2000]
    parts = [pieces(eeg[:, a:b]) for a, b in pairwise(cuts)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-9)
    assert np.abs(whole[:, :10]).max() < 20, "an offset of 1000 uV starts without a jump"


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
