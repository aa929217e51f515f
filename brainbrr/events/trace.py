"""Seizure probability over the time of one recording."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput
from brainbrr.events.intervals import Intervals, as_intervals, total_s


@dataclass(frozen=True)
class Trace:
    """Seizure probability, one value per sample of the recording, gaps included.

    Attributes:
        probability: float32, shape `(samples,)`, in [0, 1]; 0 inside gaps, where nothing was
            recorded.
        rate_hz: samples per second.
        gaps: `(n, 2)` intervals in seconds without signal.
        start: date and time of the first sample, or None.
    """

    probability: NDArray[np.float32]
    rate_hz: float
    gaps: Intervals
    start: datetime | None = None

    def __post_init__(self) -> None:
        probability = np.asarray(self.probability, dtype=np.float32)
        object.__setattr__(self, "probability", probability)
        object.__setattr__(self, "gaps", as_intervals(self.gaps))
        if probability.ndim != 1 or probability.size == 0 or not self.rate_hz > 0:
            raise InvalidInput(
                "a one-dimensional, non-empty probability at a positive rate",
                f"shape {probability.shape} at {self.rate_hz} Hz",
                "Stitch the windows of one recording at a time.",
            )
        if not (probability.min() >= 0.0 and probability.max() <= 1.0):
            raise InvalidInput(
                "probabilities from 0 to 1",
                f"{probability.min()} to {probability.max()}",
                "Apply the sigmoid to the logits first.",
            )

    @property
    def duration_s(self) -> float:
        """Length in seconds, gaps included."""
        return self.probability.size / self.rate_hz

    @property
    def recorded_s(self) -> float:
        """Seconds with signal, by which false-alarm rates are divided."""
        return self.duration_s - total_s(self.gaps)

    def reduced(self, rate_hz: float) -> "Trace":
        """Reduce the trace to a lower rate that divides its own.

        Each value is the mean of those it replaces; the last one, of those that are left.
        """
        factor = round(self.rate_hz / rate_hz)
        if factor <= 1:
            return self
        edges = np.arange(0, self.probability.size, factor)
        counts = np.diff(np.append(edges, self.probability.size))
        means = np.add.reduceat(self.probability, edges, dtype=np.float64) / counts
        return Trace(
            means.clip(0.0, 1.0).astype(np.float32), self.rate_hz / factor, self.gaps, self.start
        )
