"""SzCORE's event and sample scores as timescoring 0.0.7 defines them, over a whole corpus at once.

Standard: Dan et al., Epilepsia 2024, doi 10.1111/epi.18113; numbers agree with timescoring 0.0.7 on
normalized events.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.scoring.counts import Counts
from brainbrr.scoring.timeline import TICKS_HZ, Ticks, Timeline, covered, unite


@dataclass(frozen=True)
class SzcoreRules:
    """The numbers of the standard; change one and the scores are no longer SzCORE's.

    Attributes:
        tolerance_before_s, tolerance_after_s: a detection this close to a seizure is a hit.
        min_overlap: fraction of the extended seizure that must be detected; 0 means any overlap.
        max_event_s: longer events are cut into pieces of this length.
        merge_gap_s: events closer than this become one; a gap of exactly this length stays.
        event_rate_hz: overlap is judged on masks of this rate.
        sample_rate_hz: of the sample score.
    """

    tolerance_before_s: float = 30.0
    tolerance_after_s: float = 60.0
    min_overlap: float = 0.0
    max_event_s: float = 300.0
    merge_gap_s: float = 90.0
    event_rate_hz: int = 10
    sample_rate_hz: int = 1


def event_counts(
    timeline: Timeline, reference: Ticks, hypothesis: Ticks, rules: SzcoreRules | None = None
) -> Counts:
    """Count seizures found, false detections and missed seizures of each recording.

    Args:
        reference, hypothesis: events on the common clock, from `Timeline.place`.
    """
    rules = rules or SzcoreRules()
    reference = _merge_and_split(timeline, reference, rules)
    hypothesis = _merge_and_split(timeline, hypothesis, rules)
    detected = _samples(timeline, hypothesis, rules.event_rate_hz)
    extended = _extend(timeline, reference, rules)
    target = _samples(timeline, extended, rules.event_rate_hz)
    overlap_s = covered(target, unite(detected[detected[:, 1] > detected[:, 0]]))
    length_s = np.maximum(extended[:, 1] - extended[:, 0], 0) / TICKS_HZ
    # The small excess of the threshold is timescoring's own guard against float noise.
    hit = overlap_s / rules.event_rate_hz > (rules.min_overlap + 1e-6) * length_s
    credited = unite(target[hit])
    false = covered(detected, credited) == 0
    return timeline.count_events(reference, hit, hypothesis, false)


def extended_seizures(timeline: Timeline, reference: Ticks, rules: SzcoreRules) -> Ticks:
    """Return the spans that a detection must touch to find each seizure, in event-mask samples.

    Merged, cut and widened by the tolerances; shape `(seizures, 2)`, which may overlap.
    """
    pieces = _merge_and_split(timeline, reference, rules)
    return _samples(timeline, _extend(timeline, pieces, rules), rules.event_rate_hz)


def sample_counts(
    timeline: Timeline, reference: Ticks, hypothesis: Ticks, rules: SzcoreRules | None = None
) -> Counts:
    """Count samples of seizure found, falsely detected and missed in each recording."""
    rate_hz = (rules or SzcoreRules()).sample_rate_hz
    truth = _samples(timeline, reference, rate_hz)
    claim = _samples(timeline, hypothesis, rate_hz)
    return timeline.count_samples(reference, truth, hypothesis, claim)


def _merge_and_split(timeline: Timeline, ticks: Ticks, rules: SzcoreRules) -> Ticks:
    merged = _merge(timeline, ticks, round(rules.merge_gap_s * TICKS_HZ))
    piece = round(rules.max_event_s * TICKS_HZ)
    n_pieces = -(-(merged[:, 1] - merged[:, 0]) // piece)
    parent = np.repeat(np.arange(len(merged)), n_pieces)
    position = np.arange(len(parent)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    onset = merged[parent, 0] + position * piece
    return np.stack([onset, np.minimum(onset + piece, merged[parent, 1])], axis=1)


def _merge(timeline: Timeline, ticks: Ticks, gap: int) -> Ticks:
    if len(ticks) == 0:
        return ticks
    recording = timeline.recording_of(ticks)
    apart = (ticks[1:, 0] - ticks[:-1, 1] >= gap) | (recording[1:] != recording[:-1])
    first = np.flatnonzero(np.concatenate([[True], apart]))
    last = np.append(first[1:], len(ticks)) - 1
    return np.stack([ticks[first, 0], ticks[last, 1]], axis=1)


def _extend(timeline: Timeline, ticks: Ticks, rules: SzcoreRules) -> Ticks:
    recording = timeline.recording_of(ticks)
    onset = ticks[:, 0] - round(rules.tolerance_before_s * TICKS_HZ)
    offset = ticks[:, 1] + round(rules.tolerance_after_s * TICKS_HZ)
    return np.stack(
        [
            np.maximum(onset, timeline.start[recording]),
            np.minimum(offset, timeline.stop[recording]),
        ],
        axis=1,
    )


def _samples(timeline: Timeline, ticks: Ticks, rate_hz: int) -> NDArray[np.int64]:
    """Return mask samples `[round(onset), round(offset))` of each event on the common clock."""
    step = TICKS_HZ // rate_hz
    base = timeline.start[timeline.recording_of(ticks), None]
    return np.rint((ticks - base) / step).astype(np.int64) + base // step
