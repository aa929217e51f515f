"""Hits and false alarms as exact functions of the threshold, for the any-overlap rule.

With on = off the number of detections above a threshold is the number of its peaks less the number
of valleys between
them, so every threshold is covered by sorting peaks and valleys once: nothing is searched, nothing
    assumed monotone.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.detection import Detection, recorded_segments, smoothed_level
from brainbrr.events.intervals import Intervals, clip, merge
from brainbrr.events.trace import Trace
from brainbrr.scoring.morphology import Level, drop_short, fill_gaps
from brainbrr.scoring.timeline import TICKS_HZ


@dataclass(frozen=True)
class Steps:
    """Where the counts of one recording, or of several, change with the threshold, on = off.

    Attributes:
        hits: the highest threshold at which each seizure is found; 0 where none does.
        alarms: thresholds at and below which the number of false alarms changes ...
        change: ... by this much.
        recorded_s: seconds with signal.
    """

    hits: NDArray[np.float32]
    alarms: NDArray[np.float32]
    change: NDArray[np.signedinteger]
    recorded_s: float

    def false_alarms(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Distinct thresholds, descending, and the false alarms at each of them.

        The number holds for every threshold from this one up to, and not including, the one before
        it in the list.
        """
        values, index = np.unique(self.alarms, return_inverse=True)
        changes = np.bincount(index.reshape(-1), self.change, len(values))
        total = np.cumsum(changes[::-1]).astype(np.int64)
        return values[::-1], total


def combine(steps: list[Steps]) -> Steps:
    """The steps of several recordings taken together."""
    return Steps(
        np.concatenate([one.hits for one in steps]),
        np.concatenate([one.alarms for one in steps]),
        np.concatenate([one.change for one in steps]),
        float(sum(one.recorded_s for one in steps)),
    )


def processed_level(trace: Trace, detection: Detection) -> Level:
    """The trace whose threshold at any value t gives `detect`'s events with on = off = t."""
    level = smoothed_level(trace, detection.smoothing_s).copy()
    gap, shortest = (
        detection.merge_gap_s * trace.rate_hz,
        detection.min_duration_s * trace.rate_hz,
    )
    for first, last in recorded_segments(trace):
        level[first:last] = drop_short(fill_gaps(level[first:last], gap), shortest)
    return level


def sweep_recording(trace: Trace, seizures: Intervals, detection: Detection) -> Steps:
    """Steps of one recording under NEDC's any-overlap rule, for on = off at every threshold above
    0.

    Args:
        seizures: `(n, 2)` onsets and offsets in seconds.
        detection: its smoothing, merging and minimum duration; its thresholds play no part.
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
    """Steps of the false alarms among samples `[first, last)` between two seizures of the stretch
    `[begin, end)`.

    A detection that goes on into the seizure on either side is none.
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
    """First sample and last plus one that share time with an event, judged in whole ticks."""

    def tick(sample: int) -> int:
        return int(np.rint(sample / trace.rate_hz * TICKS_HZ))

    onset, offset = round(onset_s * TICKS_HZ), round(offset_s * TICKS_HZ)
    first, last = int(onset_s * trace.rate_hz) - 1, int(offset_s * trace.rate_hz) + 2
    while tick(first + 1) <= onset:
        first += 1
    while tick(last - 1) >= offset:
        last -= 1
    return max(first, 0), min(last, trace.probability.size)
