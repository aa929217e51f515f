"""A manifest as its reviewers see it: their events in place of the corpus's, and what they looked
at counting more."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from brainbrr.data.corrections import Correction, apply_corrections
from brainbrr.data.manifest import ManifestRow
from brainbrr.data.window_dataset import WeightedSpans
from brainbrr.errors import BrainbrrError
from brainbrr.events.intervals import clip, merge


class UnknownCorrection(BrainbrrError):
    """A correction of a recording that the corpus does not have."""


def corrected(
    rows: Sequence[ManifestRow],
    corrections: Iterable[Correction],
    *,
    weight: float,
    rate_hz: float,
) -> tuple[list[ManifestRow], dict[str, WeightedSpans]]:
    """Put reviewers' corrections into a manifest.

    Args:
        rows: the manifest.
        corrections: from `brainbrr.data.corrections.read_corrections`.
        weight: factor of the loss in the stretches that were judged; a human looked at them twice.
        rate_hz: samples a second of the prepared signal.

    Returns:
        the rows with their corrected events, and the judged stretches by recording.

    Raises:
        UnknownCorrection: a recording is not among the rows.
        CorrectionOutsideRecording: an event outside its recording.
    """
    by_recording: dict[str, list[Correction]] = defaultdict(list)
    for correction in corrections:
        by_recording[correction.recording_id].append(correction)
    unknown = sorted(set(by_recording) - {row.recording_id for row in rows})
    if unknown:
        raise UnknownCorrection(
            "corrections of recordings in the corpus",
            f"{len(unknown)} others, {unknown[0]} first",
            "Check that the corrections belong to this corpus.",
        )
    new_rows = [
        _corrected(row, by_recording[row.recording_id]) if row.recording_id in by_recording else row
        for row in rows
    ]
    spans = {
        row.recording_id: _judged(row, by_recording[row.recording_id], weight, rate_hz)
        for row in rows
        if row.recording_id in by_recording
    }
    return new_rows, spans


def _corrected(row: ManifestRow, corrections: list[Correction]) -> ManifestRow:
    events = apply_corrections(row.annotation, corrections).events
    return replace(
        row, events=[[event.onset_s, event.duration_s, event.event_type] for event in events]
    )


def _judged(
    row: ManifestRow, corrections: list[Correction], weight: float, rate_hz: float
) -> WeightedSpans:
    spans_s = np.array([correction.span_s for correction in corrections])
    inside = clip(merge(spans_s), 0.0, row.duration_s)
    return WeightedSpans(np.rint(inside * rate_hz).astype(np.int64), weight)
