"""Non-learned baselines to compare a trained detector with: line length and band power.

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
    """Compute the line length of each electrode: the mean absolute step in a centered window.

    Args:
        eeg_uv: microvolts, `(electrodes, samples)`.

    Returns:
        microvolts per sample, `(electrodes, samples)`.
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
    """Compute the power of each electrode between two frequencies in a centered window.

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
    """Map line length to values for a `Trace`: 0.5 at its median, 0.75 at three times that."""
    return _relative_to_median(line_length(eeg_uv, rate_hz, window_s))


def band_power_probability(
    eeg_uv: NDArray[np.floating],
    rate_hz: float,
    *,
    low_hz: float = 2.0,
    high_hz: float = 9.0,
    window_s: float = 2.0,
) -> NDArray[np.float32]:
    """Map the amplitude in one band to values for a `Trace`, as `line_length_probability` does.

    The default band, from delta to theta, holds the fundamental of most seizures.
    """
    power = band_power(eeg_uv, rate_hz, low_hz=low_hz, high_hz=high_hz, window_s=window_s)
    return _relative_to_median(np.sqrt(power))


def _average(values: NDArray[np.float32], rate_hz: float, window_s: float) -> NDArray[np.float32]:
    width = max(1, round(window_s * rate_hz))
    return np.asarray(uniform_filter1d(values, width, axis=1, mode="nearest"))


def _relative_to_median(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the electrodes' ratios to their own medians, as `ratio / (1 + ratio)`.

    Flat electrodes are left out.
    """
    median = np.median(level, axis=1, keepdims=True)
    varies = median[:, 0] > 0
    if not varies.any():
        return np.full(level.shape[1], 0.5, dtype=np.float32)
    # Running sums can end a hair below 0.
    ratio = np.maximum(level[varies] / median[varies], 0).mean(axis=0)
    return np.asarray(ratio / (1 + ratio), dtype=np.float32)
