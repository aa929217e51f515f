"""NEDC's metrics for seizure events: DPALIGN, EPOCH, OVLP, TAES and inter-rater agreement.

Source: Shah, Golmohammadi, Obeid, Picone, "Objective Evaluation Metrics for Automatic
Classification of EEG Events", 2021; details that it leaves open follow nedc_eeg_eval v6.0.0.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.intervals import Intervals
from brainbrr.scoring.counts import Counts, Values
from brainbrr.scoring.timeline import TICKS_HZ, Ticks, Timeline, covered, unite

EPOCH_S = 0.25
SUBSTITUTION, INSERTION, DELETION = 0, 1, 2
Span = tuple[float, float]
Overlap = Callable[[Span, Span], bool]


def ovlp_counts(timeline: Timeline, reference: Ticks, hypothesis: Ticks) -> Counts:
    """Count by any overlap: a seizure that a detection overlaps is hit; the others are false."""
    hit = covered(reference, unite(hypothesis)) > 0
    false = covered(hypothesis, unite(reference)) == 0
    return timeline.count_events(reference, hit, hypothesis, false)


def epoch_counts(
    timeline: Timeline, reference: Ticks, hypothesis: Ticks, epoch_s: float = EPOCH_S
) -> Counts:
    """Count epochs of seizure found, falsely detected and missed; the midpoint decides an epoch.

    False alarms are counted in epochs: multiply their rate by `epoch_s` for NEDC's alarms per 24 h.
    """
    truth = _epochs(timeline, reference, epoch_s)
    return timeline.count_samples(
        reference, truth, hypothesis, _epochs(timeline, hypothesis, epoch_s)
    )


def dpalign_counts(timeline: Timeline, reference: Ticks, hypothesis: Ticks) -> Counts:
    """Count hits, insertions and misses of the best alignment of the label sequences."""
    truth = [_labels(*part) for part in _by_recording(timeline, reference)]
    claim = [_labels(*part) for part in _by_recording(timeline, hypothesis)]
    scored = np.array([align(a, b) for a, b in zip(truth, claim, strict=True)], dtype=np.float64)
    return Counts(scored[:, 0], scored[:, 1], scored[:, 2], timeline.recorded_s)


def taes_counts(
    timeline: Timeline, reference: Ticks, hypothesis: Ticks, v6: bool = False
) -> Counts:
    """Count time-aligned events: each seizure is hit by the fraction of it that was detected.

    Args:
        v6: two events that touch a common second overlap, as in nedc_eeg_eval v6.0.0.
    """
    overlap: Overlap = overlap_in_seconds if v6 else strict_overlap
    truth, claim = _by_recording(timeline, reference), _by_recording(timeline, hypothesis)
    scored = np.array(
        [
            taes(a / TICKS_HZ, b / TICKS_HZ, overlap)
            for (a, _), (b, _) in zip(truth, claim, strict=True)
        ],
        dtype=np.float64,
    )
    return Counts(scored[:, 0], scored[:, 1], scored[:, 2], timeline.recorded_s)


def n_epochs(timeline: Timeline, epoch_s: float = EPOCH_S) -> Values:
    """Count the epochs whose midpoint lies inside each recording."""
    step = round(epoch_s * TICKS_HZ)
    return ((timeline.stop - timeline.start - step // 2) // step + 1).astype(np.float64)


def kappa(counts: Counts, total: Values) -> Values:
    """Compute Cohen's kappa of the two annotations over epochs; undefined if chance agrees fully.

    Args:
        counts: from `epoch_counts`.
        total: epochs in all, from `n_epochs`.
    """
    true, claimed = counts.ref_true, counts.tp + counts.fp
    observed = total - counts.fp - counts.fn
    chance = (true * claimed + (total - true) * (total - claimed)) / total
    undefined = np.full(np.shape(total), np.nan)
    return np.divide(observed - chance, total - chance, out=undefined, where=total > chance)


def _epochs(timeline: Timeline, ticks: Ticks, epoch_s: float) -> NDArray[np.int64]:
    """Return indices `[first, last)` of the midpoints inside each event, counted over the corpus.

    Events are closed and the earlier of two that touch takes precedence, so a midpoint on an onset
    belongs to the background before.
    """
    step = round(epoch_s * TICKS_HZ)
    recording = timeline.recording_of(ticks)
    total = n_epochs(timeline, epoch_s).astype(np.int64)
    # One spare epoch separates the last event of a recording from the first of the next.
    base = np.cumsum(total + 1) - (total + 1)
    local = (ticks - timeline.start[recording, None] - step // 2) // step + 1
    return np.asarray(np.minimum(local, total[recording, None]) + base[recording, None])


def _by_recording(timeline: Timeline, ticks: Ticks) -> list[tuple[Ticks, int]]:
    """Return each recording's events in ticks from its start, and its length in ticks."""
    edges = np.searchsorted(ticks[:, 0], timeline.start)
    edges = np.append(edges, len(ticks))
    length = timeline.stop - timeline.start
    return [
        (ticks[edges[i] : edges[i + 1]] - timeline.start[i], int(length[i]))
        for i in range(timeline.n_recordings)
    ]


def _labels(ticks: Ticks, length: int) -> str:
    """Return the recording as labels in order: `s` for a seizure, `b` for background."""
    if len(ticks) == 0:
        return "b"
    reach = np.concatenate([[0], np.maximum.accumulate(ticks[:, 1])])
    gap_before = ticks[:, 0] > reach[:-1]
    labels = "".join("bs" if gap else "s" for gap in gap_before)
    return labels + ("b" if reach[-1] < length else "")


def align(reference: str, hypothesis: str, label: str = "s") -> tuple[int, int, int]:
    """Count hits, insertions and misses of one label in the cheapest alignment of two sequences
    (dynamic programming, DPALIGN).

    Each character is one event. Insertion, deletion and substitution cost 1; among equally cheap
    paths the last step is a substitution, or else an insertion, as in nedc_eeg_eval v6.0.0. A
    substituted label counts as a miss of the reference and not as a false alarm of the hypothesis.
    """
    if reference[:1] == hypothesis[:1] and _alternates(reference) and _alternates(hypothesis):
        # The shorter is a prefix of the longer: matching it, then inserting the rest, is cheapest.
        n_reference, n_hypothesis = reference.count(label), hypothesis.count(label)
        hits = min(n_reference, n_hypothesis)
        return hits, n_hypothesis - hits, n_reference - hits
    steps = _steps(reference, hypothesis)
    row, column = len(reference), len(hypothesis)
    hits = insertions = misses = 0
    while row or column:
        step = steps[row, column]
        if step == INSERTION:
            column -= 1
            insertions += hypothesis[column] == label
        elif step == DELETION:
            row -= 1
            misses += reference[row] == label
        else:
            row, column = row - 1, column - 1
            if reference[row] == label:
                hit = hypothesis[column] == label
                hits, misses = hits + hit, misses + (not hit)
    return hits, insertions, misses


def _alternates(labels: str) -> bool:
    return all(label != following for label, following in pairwise(labels))


def _steps(reference: str, hypothesis: str) -> NDArray[np.int8]:
    """Compute the last step of the cheapest alignment of each pair of prefixes, shape
    `(reference + 1, hypothesis + 1)`."""
    steps = np.full((len(reference) + 1, len(hypothesis) + 1), SUBSTITUTION, dtype=np.int8)
    steps[0, 1:], steps[1:, 0] = INSERTION, DELETION
    above = list(range(len(hypothesis) + 1))
    for row, symbol in enumerate(reference, 1):
        cost = [row]
        for column, other in enumerate(hypothesis, 1):
            best, step = above[column - 1] + (symbol != other), SUBSTITUTION
            if cost[column - 1] + 1 < best:
                best, step = cost[column - 1] + 1, INSERTION
            if above[column] + 1 < best:
                best, step = above[column] + 1, DELETION
            cost.append(best)
            steps[row, column] = step
        above = cost
    return steps


def strict_overlap(event: Span, other: Span) -> bool:
    """Return whether two events share time; touching is not sharing."""
    return event[0] < other[1] and other[0] < event[1]


def overlap_in_seconds(event: Span, other: Span) -> bool:
    """Return whether two events touch a common whole second: nedc_eeg_eval v6.0.0's overlap."""
    return int(event[0]) <= int(other[1]) and int(other[0]) <= int(event[1])


def taes(
    reference: Intervals, hypothesis: Intervals, overlap: Overlap = strict_overlap
) -> tuple[float, float, float]:
    """Count fractional hits, false alarms and misses of one recording (Shah et al., section TAES).

    A seizure is hit by the fraction of it that is detected; several detections inside one seizure
    add up, each false by its overhang as a fraction of the seizure, at most 1. A detection over
    several seizures credits the first; the others are missed. An event that overlaps nothing counts
    as one miss or one false alarm.

    Args:
        overlap: which pairs of events are scored against each other once a seizure is detected at
            all.
    """
    truth = [(float(on), float(off)) for on, off in reference]
    claim = [(float(on), float(off)) for on, off in hypothesis]
    open_truth, open_claim = [True] * len(truth), [True] * len(claim)
    tp = fp = fn = 0.0
    for i, seizure in enumerate(truth):
        if not (open_truth[i] and any(strict_overlap(seizure, other) for other in claim)):
            continue
        for j, detection in enumerate(claim):
            if not (open_claim[j] and overlap(seizure, detection)):
                continue
            hit, false = _partial(seizure, detection)
            open_truth[i] = open_claim[j] = False
            if detection[1] >= seizure[1]:
                others = [k for k in range(i + 1, len(truth)) if overlap(truth[k], detection)]
                for k in others:
                    open_truth[k] = False
                missed = 1.0 - hit + len(others)
            else:
                for k in range(j + 1, len(claim)):
                    if overlap(seizure, claim[k]):
                        open_claim[k] = False
                        more, more_false = _partial(seizure, claim[k])
                        hit, false = hit + more, false + more_false
                missed = 1.0 - hit
            tp, fp, fn = tp + hit, fp + false, fn + missed
    return tp, fp + sum(open_claim), fn + sum(open_truth)


def _partial(seizure: Span, detection: Span) -> Span:
    """Compute hit and false alarm as fractions of the seizure; the hit is negative if disjoint."""
    duration_s = seizure[1] - seizure[0]
    hit = (min(seizure[1], detection[1]) - max(seizure[0], detection[0])) / duration_s
    overhang_s = max(detection[1] - seizure[1], 0.0) + max(seizure[0] - detection[0], 0.0)
    return hit, min(overhang_s / duration_s, 1.0)
