"""Mains frequency from the spectrum."""

import numpy as np
import pytest

from brainbrr.signal.mains import find_mains


@pytest.fixture
def eeg():
    """Twenty seconds of brown noise at 256 Hz."""
    steps = np.random.default_rng(2).standard_normal((19, 20 * 256)) * 4
    return np.cumsum(steps, axis=1) * 0.3 + np.random.default_rng(3).standard_normal((19, 20 * 256))


@pytest.mark.parametrize("line_hz", [50.0, 60.0])
@pytest.mark.parametrize("amplitude_uv", [1.0, 5.0, 200.0])
def test_a_line_is_found(eeg, line_hz, amplitude_uv):
    line = np.sin(2 * np.pi * (line_hz + 0.03) * np.arange(eeg.shape[1]) / 256)
    assert find_mains([eeg + amplitude_uv * line], 256.0) == line_hz


def test_no_line(eeg):
    assert find_mains([eeg], 256.0) is None


def test_the_edge_of_a_band_stop_is_no_line(eeg):
    from scipy import signal

    sections = signal.butter(4, (45, 55), "bandstop", fs=256.0, output="sos")
    assert find_mains([signal.sosfiltfilt(sections, eeg)], 256.0) is None


def test_a_low_rate_has_no_sixty_hertz(eeg):
    line = 20 * np.sin(2 * np.pi * 50 * np.arange(eeg.shape[1]) / 110)
    assert find_mains([eeg + line], 110.0) == 50.0
    assert find_mains([eeg], 90.0) is None


def test_too_short_or_empty(eeg):
    assert find_mains([eeg[:, :300]], 256.0) is None
    assert find_mains([eeg[:0]], 256.0) is None


def test_a_line_for_a_moment_is_none(eeg):
    line = 50 * np.sin(2 * np.pi * 50 * np.arange(eeg.shape[1]) / 256)
    assert find_mains([eeg + line, eeg, eeg], 256.0) is None
    assert find_mains([eeg + line, eeg + line, eeg], 256.0) == 50.0
