"""HED-SCORE event tables as SzCORE defines them, read leniently and written exactly.

Standard: SzCORE framework, section "Annotations" (Dan et al., Epilepsia 2024, doi
10.1111/epi.18113).
"""

import csv
import math
from datetime import datetime
from pathlib import Path

from brainbrr.errors import BrainbrrError, InvalidFile
from brainbrr.events.annotation import DATE_FORMAT, MISSING, Annotation
from brainbrr.events.codes import event_code, names_seizure
from brainbrr.events.event import Event

Row = dict[str, str]


write_tsv = Annotation.to_tsv


def read_tsv(path: str | Path, duration_s: float | None = None) -> Annotation:
    """Read an event table.

    Understands SzCORE's columns in any order, extra columns, a byte-order mark, `n/a` values,
    `offset` in place of `duration`, and BIDS's `trial_type` in place of `eventType`. Rows without
    an onset and rows of zero duration are left out; so is an event other than a seizure whose
    duration is unknown or negative (SeizeIT2 has one). A seizure of unknown or negative duration
    cannot be scored and is refused.

    Args:
        duration_s: length of the recording if the table has no `recordingDuration`.

    Raises:
        InvalidFile: no onset or no duration column, a value that is not a number, a seizure
            without a duration, `recordingDuration` that changes between rows, or an unknown length
            of the recording.
    """
    path = Path(path)
    rows = _rows(path)
    try:
        events = tuple(event for row in rows if (event := _event(row)) is not None)
        lengths_s = {
            value for row in rows if (value := _number(row.get("recordingDuration"))) is not None
        }
    except (KeyError, ValueError, BrainbrrError) as error:
        raise InvalidFile(
            "tab-separated columns onset and duration (or offset) in seconds",
            f"{path}: {error}",
            "Compare with the SzCORE format.",
        ) from error
    if len(lengths_s) > 1:
        raise InvalidFile(
            "one recordingDuration", f"{path}: {sorted(lengths_s)}", "Split the table."
        )
    length_s = lengths_s.pop() if lengths_s else duration_s
    if length_s is None:
        raise InvalidFile(
            "a recordingDuration column",
            f"{path} without one",
            "Provide the duration of the recording in seconds.",
        )
    return Annotation(events, length_s, _start(rows))


def _rows(path: Path) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(
            "a readable UTF-8 event table", f"{path}: {error}", "Check the file."
        ) from error
    table = csv.DictReader(lines, delimiter="\t", restval="")
    names = [name.strip() for name in table.fieldnames or ()]
    if "onset" not in names or not {"duration", "offset"} & set(names):
        raise InvalidFile(
            "columns onset and duration (or offset)",
            f"{path} with {', '.join(names) or 'no columns'}",
            "Compare with the SzCORE format.",
        )
    table.fieldnames = names
    return list(table)


def _number(text: str | None) -> float | None:
    if text is None or text.strip().lower() in {"", MISSING, "nan"}:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _event(row: Row) -> Event | None:
    onset_s = _number(row["onset"])
    code = event_code(row.get("eventType") or row.get("trial_type") or MISSING)
    if onset_s is None:
        return None
    duration_s, offset_s = _number(row.get("duration")), _number(row.get("offset"))
    if duration_s is None and offset_s is not None:
        duration_s = offset_s - onset_s
    if duration_s == 0 or (not names_seizure(code) and not (duration_s or 0.0) > 0):
        return None
    if duration_s is None:
        raise ValueError(f"the seizure at {onset_s} s has no duration")
    channels = (row.get("channels") or MISSING).strip()
    return Event(
        onset_s,
        duration_s,
        code,
        _number(row.get("confidence")),
        () if channels == MISSING else tuple(name.strip() for name in channels.split(",")),
    )


def _start(rows: list[Row]) -> datetime | None:
    text = next(
        (row["dateTime"] for row in rows if row.get("dateTime") not in {None, "", MISSING}), None
    )
    try:
        return datetime.strptime(text, DATE_FORMAT) if text else None
    except ValueError:
        return None
