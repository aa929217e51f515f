"""Time-aligned event scoring of one recording (Shah et al. 2021, section on TAES)."""

from collections.abc import Callable

from brainbrr.events.intervals import Intervals

Span = tuple[float, float]
Overlap = Callable[[Span, Span], bool]


def strict_overlap(one: Span, other: Span) -> bool:
    """Whether two events share time; touching is not sharing."""
    return one[0] < other[1] and other[0] < one[1]


def overlap_in_seconds(one: Span, other: Span) -> bool:
    """Whether two events touch a common whole second: nedc_eeg_eval v6.0.0's overlap."""
    return int(one[0]) <= int(other[1]) and int(other[0]) <= int(one[1])


def taes(
    reference: Intervals, hypothesis: Intervals, overlap: Overlap = strict_overlap
) -> tuple[float, float, float]:
    """Fractional hits, false alarms and misses.

    A seizure is hit by the fraction of it that is detected; several detections inside one seizure
    add up, each false by its overhang as a fraction of the seizure, at most 1. A detection over
    several seizures credits the first; the others are missed. What overlaps nothing counts as one
    miss or one false alarm.

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
    """Hit and false alarm of a pair as fractions of the seizure; apart, the hit is negative."""
    duration_s = seizure[1] - seizure[0]
    hit = (min(seizure[1], detection[1]) - max(seizure[0], detection[0])) / duration_s
    overhang_s = max(detection[1] - seizure[1], 0.0) + max(seizure[0] - detection[0], 0.0)
    return hit, min(overhang_s / duration_s, 1.0)
