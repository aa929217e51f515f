"""Microvolts as 16-bit integers in steps of 0.1 uV, the cache's resolution (range +-3.2767 mV)."""

import numpy as np
from numpy.typing import NDArray

STEP_UV = 0.1


def quantize(eeg_uv: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round to the nearest step of 0.1 uV; beyond +-3.2767 mV the value saturates."""
    return np.clip(np.rint(eeg_uv / STEP_UV), -32767, 32767).astype(np.int16)


def dequantize(steps: NDArray[np.int16]) -> NDArray[np.float32]:
    """Convert quantized values to microvolts."""
    return steps.astype(np.float32) * np.float32(STEP_UV)
