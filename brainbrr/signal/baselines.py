"""Two detectors without learning, to print beside one that learned: line length and band power.

Both compare each electrode with its own median over the recording, so that neither gain nor montage
matters. Line length: Esteller et al., EMBC 2001, doi 10.1109/IEMBS.2001.1020545.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt


def line_length(
    eeg_uv: NDArray[np.floating], rate_hz: float, window_s: float = 2.0
) -> NDArray[np.float32]:
    """How long the curve of each electrode is: mean absolute step in a centred window.

    Args:
        eeg_uv: microvolts, `(electrodes, samples)`.

    Returns:
        microvolts a sample, `(electrodes, samples)`.
    """
    steps = np.abs(np.diff(eeg_uv, axis=1, prepend=eeg_uv[:, :1])).astype(np.float32)
    return _average(steps, rate_hz, window_s)


def band_power(
    eeg_uv: NDArray[np.floating],
    rate_hz: float,
    *,
    low_hz: float,
    high_hz: float,
    window_s: float = 2.0,
) -> NDArray[np.float32]:
    """Power of each electrode between two frequencies in a centred window.

    Args:
        eeg_uv: microvolts, `(electrodes, samples)`; longer than a quarter of a second.

    Returns:
        square microvolts, `(electrodes, samples)`.
    """
    band = butter(2, [low_hz, high_hz], btype="bandpass", fs=rate_hz, output="sos")
    filtered = sosfiltfilt(band, eeg_uv, axis=1).astype(np.float32)
    return _average(np.square(filtered), rate_hz, window_s)


def line_length_probability(
    eeg_uv: NDArray[np.floating], rate_hz: float, window_s: float = 2.0
) -> NDArray[np.float32]:
    """Values for a `Trace` that rise with line length: 0.5 at the usual level, 0.75 at three times
    it; `(samples,)`."""
    return _against_usual(line_length(eeg_uv, rate_hz, window_s))


def band_power_probability(
    eeg_uv: NDArray[np.floating],
    rate_hz: float,
    *,
    low_hz: float = 2.0,
    high_hz: float = 9.0,
    window_s: float = 2.0,
) -> NDArray[np.float32]:
    """Values for a `Trace` that rise with the amplitude in one band: 0.5 at the usual level, 0.75
    at three times it; `(samples,)`.

    The default band, from delta to theta, holds the fundamental of most seizures.
    """
    power = band_power(eeg_uv, rate_hz, low_hz=low_hz, high_hz=high_hz, window_s=window_s)
    return _against_usual(np.sqrt(power))


def _average(values: NDArray[np.float32], rate_hz: float, window_s: float) -> NDArray[np.float32]:
    width = max(1, round(window_s * rate_hz))
    return np.asarray(uniform_filter1d(values, width, axis=1, mode="nearest"))


def _against_usual(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over electrodes of the ratio to each one's median, squashed by `ratio / (1 + ratio)`; a
    flat electrode is left out."""
    usual = np.median(level, axis=1, keepdims=True)
    alive = usual[:, 0] > 0
    if not alive.any():
        return np.full(level.shape[1], 0.5, dtype=np.float32)
    # Running sums can end a hair below 0.
    ratio = np.maximum(level[alive] / usual[alive], 0).mean(axis=0)
    return np.asarray(ratio / (1 + ratio), dtype=np.float32)
