"""Hits and false alarms as exact functions of the threshold, for the any-overlap rule.

With on = off the number of detections above a threshold is the number of peaks minus the number of
valleys between them, so sorting peaks and valleys once covers every threshold: no search, and no
assumption of monotonicity. Filling short gaps and dropping short runs are a closing and an opening
with a flat segment, which commute with thresholding (Serra 1982, chapter XII): thresholding the
filtered trace gives what filtering the thresholded one does.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.detection import Detection, recorded_segments, smoothed_level
from brainbrr.events.intervals import Intervals, clip, merge
from brainbrr.events.trace import Trace
from brainbrr.scoring.timeline import TICKS_HZ

Level = NDArray[np.float32]


@dataclass(frozen=True)
class Steps:
    """Thresholds at which the counts of one recording, or of several, change; on = off.

    Attributes:
        hits: the highest threshold at which each seizure is found; 0 if none.
        alarms: thresholds at and below which the number of false alarms changes.
        change: by how much, for each of `alarms`.
        recorded_s: seconds with signal.
    """

    hits: NDArray[np.float32]
    alarms: NDArray[np.float32]
    change: NDArray[np.signedinteger]
    recorded_s: float

    def false_alarms(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return distinct thresholds, descending, and the false alarms at each of them.

        Each number holds from its threshold up to, and not including, the previous one in the list.
        """
        values, index = np.unique(self.alarms, return_inverse=True)
        changes = np.bincount(index.reshape(-1), self.change, len(values))
        total = np.cumsum(changes[::-1]).astype(np.int64)
        return values[::-1], total


def combine(steps: list[Steps]) -> Steps:
    """Concatenate the steps of several recordings."""
    return Steps(
        np.concatenate([part.hits for part in steps]),
        np.concatenate([part.alarms for part in steps]),
        np.concatenate([part.change for part in steps]),
        float(sum(part.recorded_s for part in steps)),
    )


def processed_level(trace: Trace, detection: Detection) -> Level:
    """Return the trace of which a threshold t gives `detect`'s events with on = off = t."""
    level = smoothed_level(trace, detection.smoothing_s).copy()
    gap, shortest = (
        detection.merge_gap_s * trace.rate_hz,
        detection.min_duration_s * trace.rate_hz,
    )
    for first, last in recorded_segments(trace):
        level[first:last] = drop_short(fill_gaps(level[first:last], gap), shortest)
    return level


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
    """Compute the maximum of each `width` neighbors, `width - 1` values shorter (van Herk 1992)."""
    n_values = len(values)
    blocks = np.pad(values, (0, -n_values % width), mode="edge").reshape(-1, width)
    forward = np.maximum.accumulate(blocks, axis=1).ravel()
    backward = np.maximum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.maximum(backward[: n_values - width + 1], forward[width - 1 : n_values])


def _sliding_min(values: Level, width: int) -> Level:
    return -_sliding_max(-values, width)


def sweep_recording(trace: Trace, seizures: Intervals, detection: Detection) -> Steps:
    """Compute the steps of one recording under NEDC's any-overlap rule, at every threshold above 0.

    Args:
        seizures: `(n, 2)` onsets and offsets in seconds.
        detection: smoothing, merging and minimum duration; its thresholds are not used.
    """
    level = processed_level(trace, detection)
    seizures = clip(merge(seizures), 0.0, trace.duration_s)
    spans = [_samples_of(onset_s, offset_s, trace) for onset_s, offset_s in seizures]
    hits = np.array([level[first:last].max(initial=0.0) for first, last in spans], np.float32)
    values: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
    changes: list[NDArray[np.int8]] = [np.zeros(0, np.int8)]
    for begin, end in recorded_segments(trace):
        edges = [(begin, begin), *((a, b) for a, b in spans if a < end and b > begin), (end, end)]
        for (_, first), (last, _) in pairwise(edges):
            if first < last:
                inside = max(first, begin), min(last, end)
                value, change = _alarms(level, *inside, begin, end)
                values.append(value)
                changes.append(change)
    alarms, change = np.concatenate(values), np.concatenate(changes)
    return Steps(hits, alarms[alarms > 0], change[alarms > 0], trace.recorded_s)


def _alarms(
    level: Level, first: int, last: int, begin: int, end: int
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Compute the steps of false alarms in samples `[first, last)`, between two seizures of the
    recorded interval `[begin, end)`.

    A detection that continues into the seizure on either side is not a false alarm.
    """
    between = level[first:last]
    height = between[np.concatenate([[True], between[1:] != between[:-1]])]
    rising = np.diff(np.concatenate([[0.0], height, [0.0]])) > 0
    peaks = height[rising[:-1] & ~rising[1:]]
    valleys = height[1:-1][~rising[1:-2] & rising[2:-1]]
    left = level[first - 1] if first > begin else np.float32(0.0)
    right = level[last] if last < end else np.float32(0.0)
    touching = [min(left, between[0]), min(right, between[-1])]
    through = [min(left, right, between.min())]
    value = np.concatenate([peaks, valleys, touching, through]).astype(np.float32)
    change = np.repeat([1, -1, 1], [len(peaks), len(valleys) + 2, 1]).astype(np.int8)
    return value, change


def _samples_of(onset_s: float, offset_s: float, trace: Trace) -> tuple[int, int]:
    """Return first sample and last plus one that share time with an event, compared in ticks."""

    def tick(sample: int) -> int:
        return int(np.rint(sample / trace.rate_hz * TICKS_HZ))

    onset, offset = round(onset_s * TICKS_HZ), round(offset_s * TICKS_HZ)
    first, last = int(onset_s * trace.rate_hz) - 1, int(offset_s * trace.rate_hz) + 2
    while tick(first + 1) <= onset:
        first += 1
    while tick(last - 1) >= offset:
        last -= 1
    return max(first, 0), min(last, trace.probability.size)
