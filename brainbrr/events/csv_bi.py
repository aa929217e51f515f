"""NEDC's annotation files (`.csv_bi` of TUSZ and of nedc_eeg_eval).

Format: comment lines `# key = value`, then `channel,start_time,stop_time,label,confidence`; the
channel is TERM.
"""

import csv
from pathlib import Path

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import BrainbrrError, InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.codes import event_code
from brainbrr.events.event import BACKGROUND, Event

COLUMNS = ("channel", "start_time", "stop_time", "label", "confidence")
VERSION = "csv_v1.0.0"
ALL_CHANNELS = "TERM"


def write_csv_bi(annotation: Annotation, path: str | Path) -> None:
    """Write the seizures as `seiz` rows; without any, one `bckg` row, as in TUSZ."""
    path = Path(path)
    events = annotation.seizures or (Event(0.0, annotation.duration_s, BACKGROUND),)
    with atomic_write(path) as file:
        file.write(f"# version = {VERSION}\n# bname = {path.stem}\n")
        file.write(f"# duration = {annotation.duration_s:.4f} secs\n#\n")
        file.write(",".join(COLUMNS) + "\n")
        for event in events:
            label = "seiz" if event.is_seizure else "bckg"
            confidence = 1.0 if event.confidence is None else event.confidence
            file.write(
                f"{ALL_CHANNELS},{event.onset_s:.4f},{event.offset_s:.4f},{label},{confidence:.4f}\n"
            )


def read_csv_bi(path: str | Path, duration_s: float | None = None) -> Annotation:
    """Read the events of all channels taken together.

    Args:
        duration_s: length of the recording if the file does not state it.

    Raises:
        InvalidFile: another header, a value that is not a number, or an unknown length of the
            recording.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        length_s = _duration(lines)
        table = [line for line in lines if line.strip() and not line.startswith("#")]
        events = tuple(event for row in csv.DictReader(table) if (event := _event(row)) is not None)
    except (OSError, UnicodeDecodeError, KeyError, ValueError, TypeError, BrainbrrError) as error:
        raise InvalidFile(
            f"the columns {', '.join(COLUMNS)}", f"{path}: {error}", "Check the file."
        ) from error
    if not table:
        raise InvalidFile(
            f"the columns {', '.join(COLUMNS)}", f"{path} without a table", "Check the file."
        )
    length_s = duration_s if length_s is None else length_s
    if length_s is None:
        raise InvalidFile(
            "a line '# duration = ... secs'",
            f"{path} without one",
            "Provide the duration of the recording in seconds.",
        )
    return Annotation(events, length_s)


def _duration(lines: list[str]) -> float | None:
    for line in lines:
        key, _, value = line.lstrip("# ").partition("=")
        if line.startswith("#") and key.strip() == "duration":
            return float(value.replace("secs", ""))
    return None


def _event(row: dict[str, str]) -> Event | None:
    onset_s, offset_s = float(row["start_time"]), float(row["stop_time"])
    if row["channel"].strip() != ALL_CHANNELS:
        raise ValueError(f"channel {row['channel']}: only {ALL_CHANNELS} describes the recording")
    if offset_s == onset_s:
        return None
    confidence = (row.get("confidence") or "").strip()
    return Event(
        onset_s,
        offset_s - onset_s,
        event_code(row["label"]),
        float(confidence) if confidence else None,
    )
