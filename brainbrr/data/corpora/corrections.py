"""A reviewer's corrections from a report: a table row per event that was kept, dropped or moved.

The table is tab-separated UTF-8, written by the review section of `report.html`:

| column | meaning |
|---|---|
| `recording_id` | as in the manifest |
| `onset`, `duration` | the event as the reviewer leaves it, in seconds; unchanged but for `move` |
| `eventType` | HED-SCORE code of a seizure, e.g. `sz` |
| `action` | `keep`: this is a seizure; `drop`: it is not; `move`: it is, with these edges |
| `originalOnset`, `originalDuration` | the event as it was shown, in seconds |
| `kind` | what the report called it: `missed seizure`, `false alarm`, `hit`, `unjudged event` |
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from brainbrr.errors import InvalidFile, InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import SEIZURE, Event

COLUMNS = (
    "recording_id", "onset", "duration", "eventType", "action", "originalOnset",
    "originalDuration", "kind",
)  # fmt: skip
ACTIONS = ("keep", "drop", "move")


@dataclass(frozen=True)
class Correction:
    """A reviewer's verdict on one event.

    Attributes:
        recording_id: the manifest's name of the recording.
        action: `keep`, `drop` or `move`.
        event: the event as the reviewer leaves it.
        original: the event as it was shown; equal to `event` in time unless moved.
        kind: what the report called it; carried along, not interpreted.
    """

    recording_id: str
    action: str
    event: Event
    original: Event
    kind: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS or not self.event.is_seizure:
            raise InvalidFile(
                f"one of {', '.join(ACTIONS)} on a seizure",
                f"{self.action!r} on {self.event.event_type!r} in {self.recording_id}",
                "Correct the row, or review again and download.",
            )
        if self.action != "move" and _edges(self.event) != _edges(self.original):
            raise InvalidFile(
                f"unchanged edges for the action {self.action}",
                f"{_edges(self.original)} s became {_edges(self.event)} s in {self.recording_id}",
                "Use the action move for an event with new edges.",
            )

    @property
    def span_s(self) -> tuple[float, float]:
        """The segment the reviewer judged: from the first to the last of old and new edges."""
        onset_s = min(self.event.onset_s, self.original.onset_s)
        return onset_s, max(self.event.offset_s, self.original.offset_s)


def read_corrections(path: str | Path) -> list[Correction]:
    """Read a reviewer's corrections, in file order; identical rows count once.

    Raises:
        InvalidFile: not UTF-8, a missing column, a value that is not a number, an unknown action,
            an event that is not a seizure, edges changed without `move`, or two verdicts on one
            event.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        unique = {_correction(row): None for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidFile(
            "a readable UTF-8 table", f"{path}: {error}", "Download the corrections again."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
        raise InvalidFile(
            f"tab-separated columns {', '.join(COLUMNS)} with times in seconds",
            f"{path}: {type(error).__name__} {error}",
            "Download the corrections again from report.html.",
        ) from error
    _refuse_two_verdicts(list(unique))
    return list(unique)


def apply_corrections(annotation: Annotation, corrections: Iterable[Correction]) -> Annotation:
    """Apply a reviewer's corrections to the annotation of one recording.

    A verdict concerns the seizures that overlap the event as it was shown: `drop` removes them,
    `move` replaces them by one seizure with the new edges, and `keep` leaves them as they are, or
    adds the event if there was no seizure.

    Raises:
        InvalidFile: an event that starts before or ends after the recording.
    """
    events = annotation.events
    for correction in corrections:
        _refuse_outside(correction, annotation.duration_s)
        judged = [event for event in events if _is_about(correction, event)]
        if correction.action == "keep" and judged:
            continue
        added = () if correction.action == "drop" else (correction.event,)
        events = tuple(event for event in events if event not in judged) + added
    return Annotation(events, annotation.duration_s, annotation.start)


def _is_about(correction: Correction, event: Event) -> bool:
    original = correction.original
    overlaps = event.onset_s < original.offset_s and original.onset_s < event.offset_s
    return event.is_seizure and overlaps


def _edges(event: Event) -> tuple[float, float]:
    return event.onset_s, event.duration_s


def _correction(row: dict[str, str]) -> Correction:
    event_type = row["eventType"].strip() or SEIZURE
    return Correction(
        recording_id=row["recording_id"],
        action=row["action"].strip().lower(),
        event=Event(float(row["onset"]), float(row["duration"]), event_type),
        original=Event(float(row["originalOnset"]), float(row["originalDuration"]), event_type),
        kind=row["kind"].strip(),
    )


def _refuse_two_verdicts(corrections: list[Correction]) -> None:
    seen: dict[tuple[str, float, float], Correction] = {}
    for correction in corrections:
        key = (correction.recording_id, *_edges(correction.original))
        first = seen.setdefault(key, correction)
        if (first.action, first.event) != (correction.action, correction.event):
            raise InvalidFile(
                "one verdict for each event",
                f"{first.action} and {correction.action} of the event at {key[1]} s in {key[0]}",
                "Remove one of the two rows.",
            )


def _refuse_outside(correction: Correction, duration_s: float) -> None:
    event = correction.event
    rounding_s = 1e-3
    if event.onset_s < -rounding_s or event.offset_s > duration_s + rounding_s:
        raise InvalidFile(
            f"an event inside 0 to {duration_s} s",
            f"{event.onset_s} to {event.offset_s} s in {correction.recording_id}",
            "Check that the corrections belong to this corpus.",
        )
