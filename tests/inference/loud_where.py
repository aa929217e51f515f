"""A stand-in for a network whose answer is known."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.window_eeg import WindowEeg


class LoudWhere:
    """A `Backend` that is as sure of a seizure as the electrodes it listens to are loud."""

    def __init__(self, electrodes: tuple[int, ...], limit_uv: float = 100.0) -> None:
        self.electrodes = list(electrodes)
        self.limit_uv = limit_uv
        self.batches: list[int] = []

    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        eeg, observed, _, _ = windows
        self.batches.append(len(eeg))
        heard = np.abs(0.1 * eeg[:, self.electrodes]) * observed[:, self.electrodes, None]
        return (1 / (1 + np.exp(4 - heard.sum(axis=1) / self.limit_uv * 8))).astype(np.float32)
