"""Detect the mains frequency that a recording has picked up."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

CANDIDATES_HZ = (50.0, 60.0)


def line_ratio(eeg_uv: NDArray[np.floating], rate_hz: float, line_hz: float) -> NDArray[np.float64]:
    """Compute the power at `line_hz` over that on the stronger of its two flanks, per channel.

    About 1 or less if there is no line.

    Args:
        eeg_uv: `(channels, samples)`, two seconds or more.
        rate_hz: sampling rate.
        line_hz: frequency of the line, below half the rate.
    """
    n_segment = min(eeg_uv.shape[-1], int(4 * rate_hz))
    frequency_hz, power = signal.welch(eeg_uv, rate_hz, nperseg=n_segment, axis=-1)
    at_line = np.abs(frequency_hz - line_hz) <= 0.3
    below = (frequency_hz > line_hz - 6.0) & (frequency_hz < line_hz - 1.5)
    above = (frequency_hz > line_hz + 1.5) & (frequency_hz < line_hz + 6.0)
    flanks = [np.median(power[..., side], axis=-1) for side in (below, above) if side.any()]
    floor = np.max(flanks, axis=0)
    peak = power[..., at_line].max(axis=-1)
    return np.asarray(peak / np.maximum(floor, np.finfo(np.float32).tiny), dtype=np.float64)


def find_mains(
    segments: Sequence[NDArray[np.floating]], rate_hz: float, *, min_ratio: float = 4.0
) -> float | None:
    """Return 50.0, 60.0 or None: the line present in a quarter of the channels or more.

    Args:
        segments: parts of the recording, each `(channels, samples)`; those under 2 s are ignored.
            A line counts if it stands out in the median segment.
        rate_hz: sampling rate.
        min_ratio: power over its surroundings from which a line stands out.
    """
    candidates = [hz for hz in CANDIDATES_HZ if hz + 1.0 < rate_hz / 2]
    long = [eeg_uv for eeg_uv in segments if eeg_uv.shape[0] and eeg_uv.shape[1] >= 2 * rate_hz]
    if not candidates or not long:
        return None
    ratios = []
    for line_hz in candidates:
        typical = np.median([line_ratio(eeg_uv, rate_hz, line_hz) for eeg_uv in long], axis=0)
        ratios.append(float(np.quantile(typical, 0.75)))
    best = int(np.argmax(ratios))
    return candidates[best] if ratios[best] >= min_ratio else None
