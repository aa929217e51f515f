"""Post-processing of a trace at every threshold at once.

Filling short gaps and dropping short runs are a closing and an opening with a flat segment, and
those commute with thresholding (Serra 1982, chapter XII): thresholding the filtered trace gives
what filtering the thresholded one does.
"""

import math

import numpy as np
from numpy.typing import NDArray

Level = NDArray[np.float32]


def fill_gaps(level: Level, gap_samples: float) -> Level:
    """Raise every valley of fewer than `gap_samples` samples to the lower of its two sides."""
    width = math.ceil(gap_samples)
    if width <= 1:
        return level
    padded = np.pad(level, width)
    return _sliding_min(_sliding_max(padded, width), width)[1 : 1 + len(level)]


def drop_short(level: Level, min_samples: float) -> Level:
    """Cut every peak down to the height at which it is at least `min_samples` wide."""
    width = math.ceil(min_samples)
    if width <= 1:
        return level
    if width > len(level):
        return np.zeros_like(level)
    floor = np.pad(_sliding_min(level, width), width - 1)
    return _sliding_max(floor, width)


def _sliding_max(values: Level, width: int) -> Level:
    """Maximum of each `width` neighbours, one fewer than `width` values shorter (van Herk 1992)."""
    n_values = len(values)
    blocks = np.pad(values, (0, -n_values % width), mode="edge").reshape(-1, width)
    forward = np.maximum.accumulate(blocks, axis=1).ravel()
    backward = np.maximum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.maximum(backward[: n_values - width + 1], forward[width - 1 : n_values])


def _sliding_min(values: Level, width: int) -> Level:
    return -_sliding_max(-values, width)
