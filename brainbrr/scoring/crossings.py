"""Crossings of thresholds: all that detection at any of them needs, computed in one pass."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.detection import Runs, merge_runs, recorded_segments
from brainbrr.events.trace import Trace
from brainbrr.scoring.sweep import Level
from brainbrr.scoring.timeline import TICKS_HZ, Ticks, Timeline, unite


@dataclass(frozen=True)
class Crossings:
    """Traces reduced to the samples at which they cross a threshold; sample numbers run through all
    recordings.

    Attributes:
        thresholds: float32, ascending.
        position: first sample of each segment between two crossings, `(segments,)`.
        height: number of thresholds the segment reaches; each recorded interval ends with an empty
            segment of height 0.
        interval_start: first sample of each recorded interval.
        recording_start: first sample of each recording.
        rate_hz: of each recording.
    """

    thresholds: NDArray[np.float32]
    position: NDArray[np.int64]
    height: NDArray[np.int64]
    interval_start: NDArray[np.int64]
    recording_start: NDArray[np.int64]
    rate_hz: NDArray[np.float64]

    def hysteresis(self, on: float, off: float) -> Runs:
        """Return runs at or above `off` that reach `on`; both must be among the thresholds."""
        lower, upper = np.searchsorted(self.thresholds, np.asarray([off, on], np.float32)) + 1
        edges = np.flatnonzero(np.diff(self.height >= lower, prepend=False)).reshape(-1, 2)
        if len(edges) and upper > lower:
            edges = edges[np.maximum.reduceat(self.height, edges[:, 0]) >= upper]
        return self.position[edges]

    def events(
        self, runs: Runs, merge_gap_s: float, min_duration_s: float, timeline: Timeline
    ) -> Ticks:
        """Return the events that `detect` makes of these runs, in ticks of the timeline."""
        interval = np.searchsorted(self.interval_start, runs[:, 0], side="right") - 1
        merged = merge_runs(runs, interval, merge_gap_s * self._rate_of(runs)[1:])
        rate_hz = self._rate_of(merged)
        merged = merged[merged[:, 1] - merged[:, 0] >= min_duration_s * rate_hz]
        recording = self._recording_of(merged)
        local = merged - self.recording_start[recording, None]
        seconds = local / self.rate_hz[recording, None]
        start, stop = timeline.start[recording, None], timeline.stop[recording, None]
        return unite(np.minimum(np.rint(seconds * TICKS_HZ).astype(np.int64) + start, stop))

    def _recording_of(self, runs: Runs) -> NDArray[np.intp]:
        return np.searchsorted(self.recording_start, runs[:, 0], side="right") - 1

    def _rate_of(self, runs: Runs) -> NDArray[np.float64]:
        return self.rate_hz[self._recording_of(runs)]


def find_crossings(
    traces: Iterable[Trace], level_of: Callable[[Trace], Level], thresholds: NDArray[np.float32]
) -> Crossings:
    """Reduce traces to their crossings of thresholds, one trace at a time.

    Args:
        level_of: smoothing, or all of post-processing; 0 in gaps.
        thresholds: float32, ascending.
    """
    positions, heights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    interval_starts, recording_starts, rates_hz = [], [], []
    base = 0
    for trace in traces:
        level = level_of(trace)
        for first, last in recorded_segments(trace):
            height = np.searchsorted(thresholds, level[first:last], side="right").astype(np.uint16)
            change = np.concatenate([[0], np.flatnonzero(height[1:] != height[:-1]) + 1])
            positions.append(np.append(change, last - first) + base + first)
            heights.append(np.append(height[change], 0))
            interval_starts.append(base + first)
        recording_starts.append(base)
        rates_hz.append(trace.rate_hz)
        base += trace.probability.size
    return Crossings(
        thresholds,
        np.concatenate(positions),
        np.concatenate(heights).astype(np.int64),
        np.array(interval_starts, dtype=np.int64),
        np.array(recording_starts),
        np.array(rates_hz),
    )
