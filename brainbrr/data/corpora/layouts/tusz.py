"""The TUH EEG Seizure Corpus, version 2: official splits, binary or per-channel labels."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from brainbrr.data.corpora.layouts.source import Labels, Source, UnreadableLabels
from brainbrr.errors import BrainbrrError, InvalidOption
from brainbrr.events.codes import seizure_code
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals, merge

SPLITS = ("train", "dev", "eval")
LABELS = ("csv_bi", "csv")

_DURATION = re.compile(r"#\s*duration\s*=\s*([0-9.]+)")


def find_recordings(root: Path, *, labels: str = "csv_bi") -> Iterator[Source]:
    """List every `<split>/<patient>/<session>/<montage>/*.edf` below `root`.

    The root may be the corpus, its `edf` folder or one split.

    Args:
        labels: `csv_bi` (one binary row per seizure) or `csv` (one row per channel, with the
            seizure's type).

    Raises:
        InvalidOption: another choice of labels.
    """
    if labels not in LABELS:
        raise InvalidOption("labels csv_bi or csv", labels, "Set data.find.labels.")
    for path in sorted(root.rglob("*.edf")):
        # Counted from the end, so that the root may lie anywhere above the patients.
        split, patient, session, _montage = path.parts[-5:-1]
        inside = len(path.parts) - len(root.parts) > 3
        if split not in SPLITS or not inside or path.name.startswith("."):
            continue
        source = Source(path.stem, path, patient, session, split)
        table = path.with_suffix(f".{labels}")
        yield source.labelled(partial(read_labels, table)) if table.is_file() else source


def read_labels(path: Path) -> Labels:
    """Read the seizures of a TUSZ `.csv_bi` or `.csv` file, and the length it states.

    Rows of one type on several channels that touch or overlap become one event that names the
    channels. Non-epileptic seizures (`nesz`) are left out: they leave no trace in the EEG.

    Raises:
        UnreadableLabels: not text, a row without five columns, or a seizure that ends before it
            begins.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, type(error).__name__) from error
    stated = next((match[1] for line in lines if (match := _DURATION.match(line))), None)
    table = [line for line in lines if line.strip() and not line.startswith("#")]
    if not table or not table[0].lower().startswith("channel,"):
        raise _unreadable(path, "no line with the column names")
    rows: dict[str, list[tuple[float, float, str]]] = {}
    for line in table[1:]:
        try:
            channel, start, stop, label, *_confidence = (cell.strip() for cell in line.split(","))
            code = seizure_code(label)
            if code is not None:
                rows.setdefault(code, []).append((float(start), float(stop), channel))
        except ValueError as error:
            raise _unreadable(path, "a row that is not channel,start,stop,label,...") from error
    try:
        events = tuple(event for code, spans in rows.items() for event in _merged(code, spans))
        return events, None if stated is None else float(stated)
    except (ValueError, BrainbrrError) as error:
        raise _unreadable(path, "a seizure that ends before it begins") from error


def _merged(code: str, spans: list[tuple[float, float, str]]) -> list[Event]:
    # Merging would drop an empty or reversed span in silence; an event of it raises.
    for onset_s, offset_s, _ in spans:
        Event(onset_s, offset_s - onset_s, code)
    events = []
    for onset_s, offset_s in merge(as_intervals([span[:2] for span in spans])).tolist():
        names = dict.fromkeys(c for on, off, c in spans if on < offset_s and off > onset_s)
        channels = tuple(name for name in names if name.upper() != "TERM")
        events.append(Event(onset_s, offset_s - onset_s, code, channels=channels))
    return events


def _unreadable(path: Path, fault: str) -> UnreadableLabels:
    return UnreadableLabels(
        "TUSZ labels: channel,start_time,stop_time,label,confidence",
        f"{path.name}: {fault}",
        "Fetch the label file again.",
    )
