"""HED-SCORE event tables as SzCORE defines them, read leniently and written exactly.

Standard: SzCORE framework, section "Annotations" (Dan et al., Epilepsia 2024, doi
10.1111/epi.18113).
"""

import csv
from datetime import datetime
from pathlib import Path

from brainbrr.durable import open_durable
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import BACKGROUND, Event

COLUMNS = (
    "onset",
    "duration",
    "eventType",
    "confidence",
    "channels",
    "dateTime",
    "recordingDuration",
)
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
MISSING = "n/a"


class UnreadableEvents(BrainbrrError):
    """An event table that cannot be understood."""


def write_tsv(annotation: Annotation, path: str | Path) -> None:
    """Write an annotation with SzCORE's seven columns; a recording without seizures is one `bckg`
    row."""
    events = annotation.events or (Event(0.0, annotation.duration_s, BACKGROUND),)
    date_time = annotation.start.strftime(DATE_FORMAT) if annotation.start else MISSING
    with open_durable(path) as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for event in events:
            writer.writerow(
                [
                    f"{event.onset_s:.4f}",
                    f"{event.duration_s:.4f}",
                    event.event_type,
                    MISSING if event.confidence is None else f"{event.confidence:.4f}",
                    ",".join(event.channels) or MISSING,
                    date_time,
                    f"{annotation.duration_s:.4f}",
                ]
            )


def read_tsv(path: str | Path, duration_s: float | None = None) -> Annotation:
    """Read an event table: SzCORE's columns in any order, extra columns, a byte-order mark, `n/a`
    values.

    Args:
        duration_s: length of the recording where the table has no `recordingDuration`.

    Raises:
        UnreadableEvents: no onset or duration column, a value that is not a number, or an unknown
        duration.
    """
    path = Path(path)
    try:
        rows = list(
            csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableEvents(
            "a readable UTF-8 event table", f"{path}: {error}", "Check the file."
        ) from error
    try:
        events = tuple(_event(row) for row in rows if _number(row["onset"]) is not None)
        durations = [
            value for row in rows if (value := _number(row.get("recordingDuration"))) is not None
        ]
    except (KeyError, ValueError) as error:
        raise UnreadableEvents(
            "tab-separated columns onset and duration in seconds",
            f"{path}: {error}",
            "Compare with the SzCORE format.",
        ) from error
    length_s = durations[0] if durations else duration_s
    if length_s is None:
        raise UnreadableEvents(
            "a recordingDuration column",
            f"{path} without one",
            "Give the duration of the recording in seconds.",
        )
    return Annotation(events, length_s, _start(rows))


def _number(text: str | None) -> float | None:
    return None if text is None or text.strip() in {"", MISSING} else float(text)


def _event(row: dict[str, str]) -> Event:
    onset_s, duration_s = float(row["onset"]), _number(row["duration"])
    channels = (row.get("channels") or MISSING).strip()
    return Event(
        onset_s,
        duration_s if duration_s is not None else 0.0,
        (row.get("eventType") or row.get("trial_type") or MISSING).strip(),
        _number(row.get("confidence")),
        () if channels == MISSING else tuple(name.strip() for name in channels.split(",")),
    )


def _start(rows: list[dict[str, str]]) -> datetime | None:
    text = next(
        (row["dateTime"] for row in rows if row.get("dateTime") not in {None, "", MISSING}), None
    )
    try:
        return datetime.strptime(text, DATE_FORMAT) if text else None
    except ValueError:
        return None
