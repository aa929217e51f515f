"""Manifest rows: what the cache holds of a recording, and what its corpus says of it now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from brainbrr.data.corpora.cache import Refusal, read_entry
from brainbrr.data.corpora.corrections import Correction, apply_corrections
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.corpora.prepare_recording import entry_path
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation

END_TOLERANCE_S = 10.0
"""Labels round the recording's end; a seizure that ends later belongs to another recording."""


class CorrectionOfUnlabelled(BrainbrrError):
    """A correction of a recording whose other events nobody has labelled."""


@dataclass(frozen=True)
class Quarantined:
    """A recording that cannot be used.

    Attributes:
        source: path below the corpus root.
        reason: name of the refusal.
        detail: the refusal in words, free of anything that identifies a person.
    """

    recording_id: str
    source: str
    reason: str
    detail: str


def label(
    source: Source, root: Path, folder: Path, corrections: Sequence[Correction] = ()
) -> ManifestRow | Quarantined | None:
    """The manifest row of a recording, or why it has none; None where it is not prepared yet.

    Args:
        source: the recording as its corpus lists it.
        root: of the corpus.
        folder: of the corpus in the cache.
        corrections: a reviewer's, of this recording.

    Raises:
        CorrectionOfUnlabelled: there are corrections and no labels.
        CorrectionOutsideRecording: a corrected event lies outside the recording.
    """
    place = source.path.relative_to(root).as_posix()
    if source.refusal is not None:
        error = source.refusal
        detail = error.detail
        return Quarantined(source.recording_id, place, type(error).__name__, detail)
    entry = read_entry(entry_path(folder, source.recording_id))
    if entry is None:
        return None
    if entry.refusal is not None:
        return Quarantined(source.recording_id, place, entry.refusal.reason, entry.refusal.detail)
    assert entry.row is not None, "an entry holds a row or a refusal"
    fault = label_fault(source, entry.row.duration_s)
    if fault is not None:
        return Quarantined(source.recording_id, place, fault.reason, fault.detail)
    return replace(
        entry.row,
        subject=source.subject,
        session=source.session,
        split=source.split,
        source=place,
        events=_events(source, entry.row.duration_s, corrections),
    )


def label_fault(source: Source, duration_s: float) -> Refusal | None:
    """Why labels cannot belong to a recording of this length: a seizure that lies outside it."""
    for event in source.events or ():
        inside = 0.0 <= event.onset_s < duration_s
        if not inside or event.offset_s > duration_s + END_TOLERANCE_S:
            return Refusal(
                "LabelsBeyondRecording",
                f"expected seizures inside {duration_s:g} s of recording; got one from "
                f"{event.onset_s:g} to {event.offset_s:g} s. "
                "Check that the labels belong to this recording.",
            )
    return None


def _events(
    source: Source, duration_s: float, corrections: Sequence[Correction]
) -> list[list[object]] | None:
    """`[onset_s, duration_s, type]` of each seizure, its end no later than the recording's."""
    if source.events is None:
        if corrections:
            raise CorrectionOfUnlabelled(
                "labels beside the corrections",
                f"none of {source.recording_id}",
                "Label the recording whole, or leave it out of the corrections.",
            )
        return None
    annotation = apply_corrections(Annotation(source.events, duration_s), corrections)
    return [
        [event.onset_s, min(event.offset_s, duration_s) - event.onset_s, event.event_type]
        for event in annotation.events
    ]
