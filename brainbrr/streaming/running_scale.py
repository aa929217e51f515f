"""Robust centre and spread of each electrode over all that has been heard of it so far."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.robust_scale import N_STEPS, robust_scale
from brainbrr.streaming.live_run import Piece


class RunningScale:
    """Counts of each 0.1-uV step, `(19, 2**16)`: ten megabytes, however long the stream lasts.

    A prepared recording is scaled by the median and interquartile range over all of it. A stream
    takes them over what has come so far, and leaves out what an electrode gave while it was bad.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((N_ELECTRODES, N_STEPS), dtype=np.int64)

    def add(self, piece: Piece) -> None:
        """Count a piece's electrodes where they can be believed."""
        rows = np.flatnonzero(piece.present)
        steps = piece.eeg[rows].astype(np.int64) + N_STEPS // 2
        np.add.at(self._counts, (rows[:, None], steps), 1)

    def read(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Centre and spread in microvolts, each `(19,)`."""
        scales = np.array([robust_scale(row) for row in self._counts], dtype=np.float32)
        return scales[:, 0], scales[:, 1]
