"""Algebra of half-open time intervals: float64 arrays of shape `(n, 2)`, onset and offset in
seconds."""

import numpy as np
from numpy.typing import NDArray

Intervals = NDArray[np.float64]
Mask = NDArray[np.bool_]


def as_intervals(pairs: object) -> Intervals:
    """Sort any sequence of (onset, offset) pairs into an `(n, 2)` array; `(0, 2)` if empty."""
    intervals = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    return intervals[np.lexsort((intervals[:, 1], intervals[:, 0]))]


def merge(intervals: Intervals, gap_s: float = 0.0) -> Intervals:
    """Unite intervals that overlap, touch, or lie less than `gap_s` apart.

    Empty and reversed ones are dropped. A gap of exactly `gap_s` stays a gap if `gap_s` is positive
    (the SzCORE convention).
    """
    intervals = as_intervals(intervals)
    intervals = intervals[intervals[:, 1] > intervals[:, 0]]
    if len(intervals) == 0:
        return intervals
    # The furthest offset so far: a long interval may cover several that begin after it.
    reach = np.maximum.accumulate(intervals[:, 1])
    gap = intervals[1:, 0] - reach[:-1]
    is_apart = np.concatenate([[True], (gap > 0) & (gap >= gap_s)])
    first = np.flatnonzero(is_apart)
    last = np.append(first[1:], len(intervals)) - 1
    return np.stack([intervals[first, 0], reach[last]], axis=1)


def clip(intervals: Intervals, start_s: float, stop_s: float) -> Intervals:
    """Clip each interval to `[start_s, stop_s)`; those outside are dropped."""
    clipped = np.clip(as_intervals(intervals), start_s, stop_s)
    return clipped[clipped[:, 1] > clipped[:, 0]]


def complement(intervals: Intervals, start_s: float, stop_s: float) -> Intervals:
    """Return the parts of `[start_s, stop_s)` that no interval covers."""
    covered = clip(merge(intervals), start_s, stop_s)
    edges = np.concatenate([[start_s], covered.ravel(), [stop_s]]).reshape(-1, 2)
    return edges[edges[:, 1] > edges[:, 0]]


def intersect(first: Intervals, second: Intervals) -> Intervals:
    """Return the intervals that both sets cover."""
    if len(first) == 0 or len(second) == 0:
        return as_intervals([])
    start_s = min(float(np.min(first)), float(np.min(second)))
    stop_s = max(float(np.max(first)), float(np.max(second)))
    outside = np.concatenate(
        [complement(first, start_s, stop_s), complement(second, start_s, stop_s)]
    )
    return complement(outside, start_s, stop_s)


def total_s(intervals: Intervals) -> float:
    """Add up the seconds covered by at least one interval."""
    merged = merge(intervals)
    return float(np.sum(merged[:, 1] - merged[:, 0]))


def to_mask(intervals: Intervals, n_samples: int, rate_hz: float) -> Mask:
    """Set the samples `[round(onset * rate), round(offset * rate))` of each interval."""
    edges = np.clip(np.rint(as_intervals(intervals) * rate_hz), 0, n_samples).astype(np.int64)
    # +1 at each onset and -1 at each offset: their running sum counts the intervals over a sample.
    steps = np.zeros(n_samples + 1, dtype=np.int64)
    np.add.at(steps, edges[:, 0], 1)
    np.add.at(steps, edges[:, 1], -1)
    return np.cumsum(steps[:-1]) > 0


def from_mask(mask: Mask, rate_hz: float) -> Intervals:
    """Convert runs of set samples to intervals in seconds.

    The inverse of `to_mask` for merged, sample-aligned intervals.
    """
    padded = np.concatenate([[False], np.asarray(mask, dtype=bool), [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2).astype(np.float64) / rate_hz
