"""SzCORE's hits and false alarms as exact functions of the threshold, for on = off.

Merging over 90 s is one more closing of the level (`sweep.fill_gaps`), so the events at a threshold
are the runs at or above it of one closed level. As the threshold falls, runs grow and unite: a tree
with one node per run, at most as many as the level has plateaus. Every node counts once:

1. A detection that touches an extended seizure makes that seizure a hit, and is then not a false
   alarm. So a piece is a false alarm if it touches no extended seizure, independent of other
   detections: the false alarms of a run depend on its two ends alone.
2. A run exists from its lowest sample's height down to the height at which a lower neighbor joins
   it.
"""

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.detection import Detection
from brainbrr.events.intervals import Intervals
from brainbrr.events.trace import Trace
from brainbrr.scoring.sweep import Level, Steps, fill_gaps, processed_level
from brainbrr.scoring.szcore import SzcoreRules, extended_seizures
from brainbrr.scoring.timeline import TICKS_HZ, Ticks, Timeline, unite

RULES = SzcoreRules()


def sweep_szcore(
    trace: Trace, seizures: Intervals, duration_s: float, detection: Detection
) -> Steps:
    """Compute the steps of one recording under SzCORE's event rules, at every threshold above 0.

    Args:
        seizures: `(n, 2)` onsets and offsets in seconds.
        duration_s: of the reference, to which events are clipped.
        detection: smoothing, merging and minimum duration; its thresholds are not used.
    """
    timeline = Timeline.of([duration_s])
    level = fill_gaps(processed_level(trace, detection), RULES.merge_gap_s * trace.rate_hz)
    ticks = np.rint(np.arange(level.size + 1) / trace.rate_hz * TICKS_HZ).astype(np.int64)
    ticks = np.minimum(ticks, timeline.stop[0])
    targets = extended_seizures(timeline, timeline.place([seizures]), RULES)
    steps = np.rint(ticks / (TICKS_HZ // RULES.event_rate_hz)).astype(np.int64)
    runs, height, joined = run_tree(level)
    n_false = _false_pieces(ticks[runs], steps[runs], unite(targets[targets[:, 1] > targets[:, 0]]))
    alarms, change = _united(np.concatenate([height, joined]), np.concatenate([n_false, -n_false]))
    return Steps(_hits(level, steps, targets), alarms, change, trace.recorded_s)


def run_tree(level: Level) -> tuple[NDArray[np.int64], Level, Level]:
    """Return every run that thresholding a level at some value above 0 gives, once.

    Returns:
        first sample and last plus one of each, shape `(runs, 2)`; the highest threshold at which
        it exists; and the highest one at which it has become part of a longer run.
    """
    first = np.flatnonzero(np.concatenate([[True], level[1:] != level[:-1]]))
    height = np.pad(level[first], 1)
    left, right = _lower_neighbours(height)
    # Of plateaus of one height within one run, the leftmost represents it.
    leftmost = np.ones(len(height), bool)
    order = np.lexsort((np.arange(len(left)), height[1:-1], left))
    same = (np.diff(left[order]) == 0) & (np.diff(height[1:-1][order]) == 0)
    leftmost[1 + order[1:][same]] = False
    index = np.flatnonzero((height > 0) & leftmost) - 1
    edges = np.append(first, level.size)
    runs = np.stack([edges[left[index]], edges[right[index] - 1]], axis=1)
    joined = np.maximum(height[left[index]], height[right[index]])
    return runs.astype(np.int64), height[index + 1], joined


def _lower_neighbours(height: Level) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the index of the nearest lower value, or the end, on either side of each inner value.

    Minima of spans of 1, 2, 4, ... values are computed; then, from the longest to the shortest,
    every span that holds nothing lower is skipped.
    """
    inner = height[1:-1]
    minima = [height]
    while 2 ** len(minima) < len(height):
        span = 2 ** (len(minima) - 1)
        minima.append(np.minimum(minima[-1][:-span], minima[-1][span:]))
    before = np.arange(1, len(height) - 1)
    after = before.copy()
    for power in range(len(minima) - 1, -1, -1):
        span, lowest = 2**power, minima[power]
        reach = before - span
        free = (reach >= 0) & (lowest[np.maximum(reach, 0)] >= inner)
        before = np.where(free, reach, before)
        reach = np.minimum(after + 1, len(lowest) - 1)
        free = (after + 1 < len(lowest)) & (lowest[reach] >= inner)
        after = np.where(free, after + span, after)
    return before - 1, after + 1


def _false_pieces(runs: Ticks, steps: Ticks, targets: Ticks) -> NDArray[np.int64]:
    """Count the pieces of each run that touch no target; pieces are cut from the run's onset.

    Args:
        runs: ticks `(runs, 2)`.
        steps: the same in samples of the event mask.
        targets: extended seizures in samples of the event mask, disjoint and sorted.
    """
    piece = round(RULES.max_event_s * RULES.event_rate_hz)
    onset, offset = steps[:, 0], steps[:, 1]
    n_pieces = -(-(runs[:, 1] - runs[:, 0]) // round(RULES.max_event_s * TICKS_HZ))
    n_touching = np.zeros(len(runs), np.int64)
    counted = np.full(len(runs), -1)
    for low, high in targets:
        begin, end = np.maximum(low, onset), np.minimum(high, offset)
        touched = begin < end
        last = np.where(touched, (end - 1 - onset) // piece, counted)
        from_piece = np.maximum((begin - onset) // piece, counted + 1)
        n_touching += np.where(touched, np.maximum(last - from_piece + 1, 0), 0)
        counted = np.maximum(counted, last)
    return n_pieces - n_touching


def _hits(level: Level, steps: Ticks, targets: Ticks) -> NDArray[np.float32]:
    """Return the highest threshold at which a detection touches each target; 0 if none does.

    A detection that covers a sample of the event mask covers the sample of the trace at its center.
    """
    middle = np.searchsorted(steps, np.arange(steps[-1]), side="right") - 1
    sampled = level[np.minimum(middle, level.size - 1)]
    return np.array([sampled[low:high].max(initial=0.0) for low, high in targets], np.float32)


def _united(
    thresholds: NDArray[np.float32], change: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sum changes at the same threshold; leave out zero changes and those at 0."""
    values, index = np.unique(thresholds, return_inverse=True)
    total = np.bincount(index.reshape(-1), change, len(values)).astype(np.int64)
    counted = (total != 0) & (values > 0)
    return values[counted], total[counted]
