"""Robust center and spread of each electrode, from counts of the cache's 0.1-uV steps."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.quantization import STEP_UV

N_STEPS = 2**16
IQR_OF_NORMAL = 1.3489795


def count_steps(steps: NDArray[np.int16]) -> NDArray[np.int64]:
    """Count how often each value occurs, `(2**16,)`; counts of parts add up."""
    return np.bincount(steps.astype(np.int64) + N_STEPS // 2, minlength=N_STEPS)


def robust_scale(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return median and normalized interquartile range in microvolts; at least one step.

    An electrode without samples has center 0 and spread 1 uV.
    """
    cumulative = np.cumsum(counts)
    if cumulative[-1] == 0:
        return 0.0, 1.0
    ranks = np.array([0.25, 0.5, 0.75]) * (cumulative[-1] - 1)
    low, middle, high = np.searchsorted(cumulative, ranks, side="right") - N_STEPS // 2
    return float(middle * STEP_UV), max(float((high - low) * STEP_UV / IQR_OF_NORMAL), STEP_UV)
