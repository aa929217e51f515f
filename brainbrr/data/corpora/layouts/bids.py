"""BIDS-EEG folders: SzCORE's versions of public corpora, SeizeIT2, our synthetic recordings."""

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from brainbrr.data.corpora.layouts.source import Labels, Source, UnreadableLabels
from brainbrr.errors import BrainbrrError
from brainbrr.events.codes import seizure_code
from brainbrr.events.event import Event

SUFFIXES = (".edf", ".bdf", ".vhdr", ".set", ".edf.gz")
"""What BIDS allows for EEG, and compressed EDF, which is listed so that it is refused by name."""

_NAME = re.compile(r"(?P<subject>sub-[^_]+)(_(?P<session>ses-[^_]+))?_.*eeg$")
_MISSING = {"", "n/a"}


def find_recordings(root: Path) -> Iterator[Source]:
    """List every `sub-*_eeg.*` below `root`, with its `_events.tsv` and its subject's split.

    Derivatives and source data are left out. Only the names of subjects and splits are read from
    `participants.tsv`.
    """
    splits = read_splits(root / "participants.tsv")
    for path in sorted(root.rglob("sub-*_eeg.*")):
        stem = _stem(path)
        match = _NAME.fullmatch(stem or "")
        inside = path.relative_to(root).parts
        if stem is None or match is None or {"derivatives", "sourcedata"} & set(inside):
            continue
        recording_id = stem.removesuffix("_eeg")
        subject = match["subject"]
        split = splits.get(subject, "")
        source = Source(recording_id, path, subject, match["session"] or "", split)
        table = path.with_name(f"{recording_id}_events.tsv")
        yield source.labelled(partial(read_events, table)) if table.is_file() else source


def read_splits(path: Path) -> dict[str, str]:
    """Read the `split` column of a `participants.tsv` by subject; empty if there is none."""
    if not path.is_file():
        return {}
    rows = _rows(path)
    return {row.get("participant_id") or "": row.get("split") or "" for row in rows}


def read_events(path: Path) -> Labels:
    """Read the seizures of a BIDS event table, and the recording's length if the table states it.

    Understands SzCORE's columns in any order, extra columns, a byte-order mark, `offset` in place
    of `duration`, `trial_type` in place of `eventType`, and `n/a`. Rows that are not seizures need
    no numbers.

    Raises:
        UnreadableLabels: no usable columns, or a seizure without a numeric onset and a positive
            duration.
    """
    rows = _rows(path)
    events = []
    stated_duration_s = None
    for number, row in enumerate(rows, 2):
        try:
            length = _number(row.get("recordingDuration"))
            stated_duration_s = stated_duration_s if length is None else length
            code = seizure_code(row.get("eventType") or row.get("trial_type") or "")
            if code is not None:
                events.append(_event(row, code))
        except (TypeError, ValueError, BrainbrrError) as error:
            raise UnreadableLabels(
                "a numeric onset and a positive duration (or offset) for each seizure",
                f"{path.name}, line {number}: {type(error).__name__}",
                "Correct the table.",
            ) from error
    return tuple(events), stated_duration_s


def _rows(path: Path) -> list[dict[str, str | None]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableLabels(
            "a UTF-8 table", f"{path.name}: {type(error).__name__}", "Check the file."
        ) from error
    reader = csv.DictReader(text.splitlines(), delimiter="\t")
    columns = {(name or "").strip() for name in reader.fieldnames or ()}
    kinds = {"eventType", "trial_type"}
    if "participant_id" not in columns and not ("onset" in columns and columns & kinds):
        raise UnreadableLabels(
            "tab-separated columns onset, duration and eventType",
            f"{path.name} without them",
            "Compare with the SzCORE format.",
        )
    # The key is None for cells beyond the header, which belong to no column.
    return [{k.strip(): v for k, v in row.items() if isinstance(k, str)} for row in reader]


def _event(row: dict[str, str | None], code: str) -> Event:
    onset_s, duration_s = _number(row.get("onset")), _number(row.get("duration"))
    offset_s = _number(row.get("offset"))
    if duration_s is None and offset_s is not None and onset_s is not None:
        duration_s = offset_s - onset_s
    if onset_s is None or duration_s is None:
        raise ValueError("onset or duration n/a")
    return Event(onset_s, duration_s, code)


def _number(text: str | None) -> float | None:
    return None if text is None or text.strip().lower() in _MISSING else float(text)


def _stem(path: Path) -> str | None:
    """Return the file name without its suffix, None unless it is that of an EEG recording."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return None
