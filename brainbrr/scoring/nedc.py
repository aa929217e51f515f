"""NEDC's metrics for seizure events: DPALIGN, EPOCH, OVLP, TAES and inter-rater agreement.

Source: Shah, Golmohammadi, Obeid, Picone, "Objective Evaluation Metrics for Automatic
    Classification of EEG Events",
2021; details where the text is silent follow the behaviour of nedc_eeg_eval v6.0.0.
"""

import numpy as np
from numpy.typing import NDArray

from brainbrr.scoring.alignment import align
from brainbrr.scoring.counts import Counts, Values
from brainbrr.scoring.taes import Overlap, overlap_in_seconds, strict_overlap, taes
from brainbrr.scoring.timeline import TICKS_HZ, Ticks, Timeline, covered, unite

EPOCH_S = 0.25


def ovlp_counts(timeline: Timeline, reference: Ticks, hypothesis: Ticks) -> Counts:
    """Any-overlap: a seizure that any detection overlaps is hit; a detection of none is false."""
    hit = covered(reference, unite(hypothesis)) > 0
    false = covered(hypothesis, unite(reference)) == 0
    tp = timeline.count(reference[hit])
    return Counts(
        tp,
        timeline.count(hypothesis[false]),
        timeline.count(reference) - tp,
        timeline.recorded_s,
    )


def epoch_counts(
    timeline: Timeline, reference: Ticks, hypothesis: Ticks, epoch_s: float = EPOCH_S
) -> Counts:
    """Epochs of seizure found, claimed falsely and missed; an epoch is what its midpoint is.

    False alarms are counted in epochs: multiply their rate by `epoch_s` for NEDC's alarms per 24 h.
    """
    truth = _epochs(timeline, reference, epoch_s)
    claim = _epochs(timeline, hypothesis, epoch_s)
    n_true = timeline.count(reference, (truth[:, 1] - truth[:, 0]).astype(np.float64))
    n_claimed = timeline.count(hypothesis, (claim[:, 1] - claim[:, 0]).astype(np.float64))
    shared = covered(truth, unite(claim[claim[:, 1] > claim[:, 0]])).astype(np.float64)
    tp = timeline.count(reference, shared)
    return Counts(tp, n_claimed - tp, n_true - tp, timeline.recorded_s)


def dpalign_counts(timeline: Timeline, reference: Ticks, hypothesis: Ticks) -> Counts:
    """Hits, insertions and misses of the best alignment of the label sequences, without time."""
    truth = [_labels(*part) for part in _by_recording(timeline, reference)]
    claim = [_labels(*part) for part in _by_recording(timeline, hypothesis)]
    scored = np.array([align(a, b) for a, b in zip(truth, claim, strict=True)], dtype=np.float64)
    return Counts(scored[:, 0], scored[:, 1], scored[:, 2], timeline.recorded_s)


def taes_counts(
    timeline: Timeline, reference: Ticks, hypothesis: Ticks, v6: bool = False
) -> Counts:
    """Time-aligned event scores: each seizure is hit by the fraction of it that was detected.

    Args:
        v6: take two events that share a whole second for overlapping, as nedc_eeg_eval v6.0.0 does.
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
    """Epochs whose midpoint lies inside each recording."""
    step = round(epoch_s * TICKS_HZ)
    return ((timeline.stop - timeline.start - step // 2) // step + 1).astype(np.float64)


def kappa(counts: Counts, total: Values) -> Values:
    """Cohen's kappa of the two annotations over epochs; undefined where chance alone agrees fully.

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
    """Indices `[first, last)` of the midpoints inside each event, on a common count of epochs.

    Events are closed and the earlier of two that touch wins, so a midpoint on an onset belongs to
    the background before.
    """
    step = round(epoch_s * TICKS_HZ)
    recording = timeline.recording_of(ticks)
    total = n_epochs(timeline, epoch_s).astype(np.int64)
    # One epoch of room keeps the last event of a recording apart from the first of the next.
    base = np.cumsum(total + 1) - (total + 1)
    local = (ticks - timeline.start[recording, None] - step // 2) // step + 1
    return np.asarray(np.minimum(local, total[recording, None]) + base[recording, None])


def _by_recording(timeline: Timeline, ticks: Ticks) -> list[tuple[Ticks, int]]:
    """Events of each recording in ticks from its start, and the recording's length in ticks."""
    edges = np.searchsorted(ticks[:, 0], timeline.start)
    edges = np.append(edges, len(ticks))
    length = timeline.stop - timeline.start
    return [
        (ticks[edges[i] : edges[i + 1]] - timeline.start[i], int(length[i]))
        for i in range(timeline.n_recordings)
    ]


def _labels(ticks: Ticks, length: int) -> str:
    """The recording as labels in order: `s` for a seizure, `b` for background around it."""
    if len(ticks) == 0:
        return "b"
    reach = np.concatenate([[0], np.maximum.accumulate(ticks[:, 1])])
    gap_before = ticks[:, 0] > reach[:-1]
    labels = "".join("bs" if gap else "s" for gap in gap_before)
    return labels + ("b" if reach[-1] < length else "")
