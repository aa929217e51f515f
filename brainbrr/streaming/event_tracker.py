"""Events of a trace that is still growing: those of `detect`, each as soon as it is certain."""

from collections import deque
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.detection import Detection
from brainbrr.events.event import Event


@dataclass
class _Run:
    """A span at or above `off`, or several that were merged; `total` adds up its levels."""

    first: int
    last: int
    total: float
    reaches_on: bool


class EventTracker:
    """Smoothing, hysteresis, merging and minimum duration, one value of the trace at a time.

    Over one unbroken run the events equal those of `brainbrr.events.detection.detect` on all of it.
    An event is certain when the level has stayed too low for so long that nothing can merge with it
    any more. Memory: as many values as the smoothing is wide.

    Args:
        detection: the detector's thresholds.
        rate_hz: values per second.
        onset_s: time of the first value on the stream's clock.
    """

    def __init__(self, detection: Detection, rate_hz: float, onset_s: float) -> None:
        self._detection, self._rate_hz, self._onset_s = detection, rate_hz, onset_s
        # Levels are float32, and so are the thresholds that they are compared with.
        self._on = float(np.float32(detection.on_threshold))
        self._off = float(max(np.float32(detection.off_threshold), np.finfo(np.float32).tiny))
        self._half = (round(detection.smoothing_s * rate_hz) | 1) // 2
        # Sums up to each value, from the one before the smoothing's left edge on.
        self._sums: deque[float] = deque([0.0], maxlen=2 * self._half + 2)
        self._n_in = self._n_level = 0
        self._sum = 0.0
        self._run: _Run | None = None
        self._kept: _Run | None = None
        self._between = 0.0

    def push(self, probability: NDArray[np.float32]) -> list[Event]:
        """Take in the next values; return the events that are certain now."""
        events: list[Event] = []
        for value in probability.tolist():
            self._n_in += 1
            self._sum += value
            self._sums.append(self._sum)
            if self._half == 0:
                events += self._take(value)
            elif self._n_in > self._half:
                width = min(self._n_in, 2 * self._half + 1)
                events += self._take(self._average(self._sums[-1], self._sums[-1 - width], width))
        return events

    def finish(self) -> list[Event]:
        """End the run; return the events that are left."""
        events: list[Event] = []
        for n_in in range(self._n_level, self._n_in):
            before = max(n_in - self._half, 0)
            left = self._sums[before - self._n_in - 1]
            events += self._take(self._average(self._sum, left, self._n_in - before))
        self._end_run()
        return events + self._close()

    def suspected(self, provisional: NDArray[np.float32]) -> list[Event]:
        """Return the events there would be if the run ended with these values."""
        guess = deepcopy(self)
        return guess.push(provisional) + guess.finish()

    @staticmethod
    def _average(right: float, left: float, width: int) -> float:
        return float(np.float32(min(max((right - left) / width, 0.0), 1.0)))

    def _take(self, level: float) -> list[Event]:
        """Take in one smoothed value."""
        at, self._n_level = self._n_level, self._n_level + 1
        if level >= self._off:
            self._run = self._run or _Run(at, at, 0.0, False)
            self._run.last = at + 1
            self._run.total += level
            self._run.reaches_on |= level >= self._on
            return []
        self._end_run()
        self._between += level
        gap = self._detection.merge_gap_s * self._rate_hz
        # A run that begins at the next value at the earliest would lie this far from the kept one.
        if self._kept is not None and self._n_level - self._kept.last >= gap:
            return self._close()
        return []

    def _end_run(self) -> None:
        """End a span above `off`: keep it if it reached `on`, merged with the one kept."""
        run, self._run = self._run, None
        if run is None:
            return
        if not run.reaches_on:
            self._between += run.total
        elif self._kept is None:
            self._kept, self._between = run, 0.0
        else:
            total = self._kept.total + self._between + run.total
            self._kept, self._between = _Run(self._kept.first, run.last, total, True), 0.0

    def _close(self) -> list[Event]:
        """Return the kept span as an event, if it is long enough."""
        kept, self._kept = self._kept, None
        if kept is None or kept.last - kept.first < self._detection.min_duration_s * self._rate_hz:
            return []
        n_samples = kept.last - kept.first
        return [
            Event(
                self._onset_s + kept.first / self._rate_hz,
                n_samples / self._rate_hz,
                confidence=min(kept.total / n_samples, 1.0),
            )
        ]
