"""The Siena Scalp EEG Database: adults at 512 Hz, seizures listed by hand as clock times."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from brainbrr.data.corpora.layouts.source import Labels, Source, UnreadableLabels
from brainbrr.events.event import Event

log = logging.getLogger(__name__)

_DAY_S = 86_400
_TIME = re.compile(r"(?<!\d)(\d ?\d|\d)[.:](\d\d)[.:](\d\d)(?!\d)")
_WELL_FORMED = re.compile(r"pn\d\d-\d+(\.\d+)*\.edf")

ERRATA = {("pn00-3.edf", "19.29.29"): "18.29.29"}
"""Impossible times: this seizure would end half an hour after its recording does."""


@dataclass(frozen=True)
class Listed:
    """One seizure of a list, in seconds of the day.

    Attributes:
        file: name of the recording, lower case, as the list spells it; `` if it names none.
        registered_s: when the recording began, None if the list does not state it.
        onset_s, offset_s: None if unreadable.
    """

    file: str
    registered_s: int | None
    onset_s: int | None
    offset_s: int | None


def find_recordings(root: Path) -> Iterator[Source]:
    """List every `PNxx/*.edf` below `root`, labelled by its patient's `Seizures-list-PNxx.txt`.

    Clock times count from the start time in the recording's header, which the recorder wrote, or
    else from the list's, and may pass midnight. A recording that its patient's list leaves out is
    free of seizures, unless the list holds a name that matches no recording and so may mean this
    one.
    """
    for folder in sorted({path.parent for path in root.rglob("PN*.edf")}):
        recordings = sorted(folder.glob("PN*.edf"))
        lists = sorted(folder.glob("[Ss]eizures-list-*.txt"))
        listed = [seizure for path in lists for seizure in read_list(path)]
        for path in recordings:
            source = Source(path.stem, path, path.name[:4].upper())
            yield source.labelled(partial(_labels, path, listed, recordings)) if lists else source


def read_list(path: Path) -> list[Listed]:
    """Read the seizures of a `Seizures-list-PNxx.txt`, in file order.

    Understands dots, colons and both; a blank within a time or after it; `Start time:` for `Seizure
    start time:`; a file name and registration time stated once for several seizures; two onsets, of
    which the electrographic one counts; two ends, of which the first counts.

    Raises:
        UnreadableLabels: not text.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UnreadableLabels(
            "a list of seizures", f"{path.name}: {type(error).__name__}", "Fetch it again."
        ) from error
    seizures: list[Listed] = []
    file, registered_s, onset_s = "", None, None
    for line in lines:
        key, _, value = line.partition(":")
        key = " ".join(key.lower().split())
        if key == "file name":
            name = value.strip().lower()
            registered_s = registered_s if name == file else None
            file = name
        elif key == "registration start time":
            registered_s = _time(value)
        elif key in {"seizure start time", "start time"}:
            onset_s = _time(value, prefer="ELECTR")
        elif key in {"seizure end time", "end time"}:
            seizures.append(Listed(file, registered_s, onset_s, _time(_corrected(file, value))))
            onset_s = None
    return seizures


def _labels(path: Path, listed: list[Listed], recordings: list[Path]) -> Labels:
    names = {recording.name.lower() for recording in recordings}
    meant = [_meant(seizure.file, names) for seizure in listed]
    matching = [s for s, name in zip(listed, meant, strict=True) if name == path.name.lower()]
    unknown = [s.file for s, name in zip(listed, meant, strict=True) if name is None]
    if not matching and unknown:
        raise UnreadableLabels(
            "the list's file names among the recordings",
            f"{unknown[0] or 'no name'}, which may mean {path.name}",
            "Correct the name in the list.",
        )
    header_s = _header_start(path)
    return tuple(_event(path, seizure, header_s) for seizure in matching), None


def _event(path: Path, seizure: Listed, header_s: int | None) -> Event:
    start_s = seizure.registered_s if header_s is None else header_s
    if start_s is None or seizure.onset_s is None or seizure.offset_s is None:
        raise UnreadableLabels(
            "clock times of the recording's start and of each seizure's onset and end",
            f"{path.name}: an unreadable one",
            "Correct the list.",
        )
    if seizure.registered_s is not None and seizure.registered_s != start_s:
        log.info("%s: the list's start time differs from the header's, which counts", path.name)
    onset_s = (seizure.onset_s - start_s) % _DAY_S
    return Event(float(onset_s), float((seizure.offset_s - seizure.onset_s) % _DAY_S))


def _meant(file: str, names: set[str]) -> str | None:
    """Resolve a list's file name: itself, with O read as 0, or the patient's only recording.

    A well-formed name of a recording that does not exist is returned as it is; any other name gives
    None.
    """
    corrected = re.sub(r"^pno", "pn0", file)
    if corrected in names:
        return corrected
    if _WELL_FORMED.fullmatch(corrected):
        return corrected
    return next(iter(names)) if len(names) == 1 else None


def _corrected(file: str, value: str) -> str:
    return ERRATA.get((file, value.strip()), value)


def _time(text: str, prefer: str = "") -> int | None:
    """Parse seconds of the day; of several, the one followed by `prefer`, or else the first."""
    matches = list(_TIME.finditer(text))
    if not matches:
        return None
    chosen = matches[0]
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        stop = following.start() if following else len(text)
        if prefer and prefer in text[match.end() : stop].upper():
            chosen = match
    hour, minute, second = (int(part.replace(" ", "")) for part in chosen.groups())
    return hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second < 60 else None


def _header_start(path: Path) -> int | None:
    """Read the time of day at which the recording began from the EDF header."""
    try:
        with path.open("rb") as file:
            return _time(file.read(184)[176:].decode("latin-1"))
    except OSError:
        return None
