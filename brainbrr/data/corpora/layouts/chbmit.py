"""CHB-MIT: children's bipolar EEG with one summary text per case and binary `.seizures` files."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from brainbrr.data.corpora.layouts.source import Labels, Source, UnreadableLabels
from brainbrr.errors import BrainbrrError
from brainbrr.events.event import Event

SUBJECT_OF_CASE = {"chb21": "chb01"}
"""Case chb21 is the child of chb01, recorded a year and a half later."""

RATE_HZ = 256

_RECORDING = re.compile(r"(?P<case>chb\d{2})[a-z]?_\d+\+?")
_CLOCK = re.compile(r"(\d+):(\d+):(\d+)")
_EDGE = re.compile(r"Seizure(?: \d+)? (Start|End) Time:\s*(\d+)\s*seconds")
_CHANNEL = re.compile(r"Channel \d+:\s*(\S+)")
_DAY_S = 86_400

_SKIP, _AUX, _START, _STOP = 59, 63, 32, 33
"""WFDB annotation codes; 32 and 33 mark the ends of a seizure here."""


class LabelsDisagree(BrainbrrError):
    """Two label files that list different seizures of one recording."""


@dataclass(frozen=True)
class SummaryEntry:
    """One recording in a summary.

    Attributes:
        events: its seizures.
        duration_s: from its start and end times, None if the summary has none (chb24).
        channels: the derivations that apply at this point of the summary; `-` and `.` are unused
            inputs.
        fault: what is wrong with the entry, or ``.
    """

    events: tuple[Event, ...]
    duration_s: float | None
    channels: tuple[str, ...]
    fault: str = ""


def find_recordings(root: Path) -> Iterator[Source]:
    """List every `chbNN*.edf` below `root`, labelled by its summary, checked by its `.seizures`.

    A recording that the summary leaves out (chb24 names those with seizures only) is free of
    seizures if the corpus's `RECORDS-WITH-SEIZURES` leaves it out too; otherwise it is unlabelled.
    """
    summaries: dict[str, SummaryEntry] = {}
    for path in sorted(root.rglob("chb*-summary.txt")):
        summaries |= read_summary(path)
    with_seizures = _records_with_seizures(root)
    for path in sorted(root.rglob("chb*.edf")):
        match = _RECORDING.fullmatch(path.stem)
        if match is None:
            continue
        subject, session = match["case"], path.stem.split("_")[0]
        entry = summaries.get(path.name)
        source = Source(
            path.stem,
            path,
            SUBJECT_OF_CASE.get(subject, subject),
            session,
            stated_duration_s=entry.duration_s if entry else None,
        )
        yield source.labelled(partial(_labels, path, entry, with_seizures))


def read_summary(path: Path) -> dict[str, SummaryEntry]:
    """Read all recordings of a `chbNN-summary.txt` by file name.

    Understands numbered and plain seizure lines, hours beyond 24, recordings past midnight, entries
    without times, and channel lists that change between recordings.

    Raises:
        UnreadableLabels: not a text file.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="strict")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableLabels(
            "a CHB-MIT summary", f"{path.name}: {type(error).__name__}", "Fetch it again."
        ) from error
    entries: dict[str, SummaryEntry] = {}
    head, *blocks = re.split(r"^File Name:\s*", text, flags=re.MULTILINE)
    channels = tuple(_CHANNEL.findall(head))
    for block in blocks:
        # A change of channels is stated after the last recording before it.
        recording, *change = block.split("Channels changed", 1)
        name = recording.split("\n", 1)[0].strip()
        entries[name] = _entry(recording, channels)
        if change:
            channels = tuple(_CHANNEL.findall(change[0]))
    return entries


def read_seizures(path: Path) -> tuple[tuple[float, float], ...]:
    """Read onsets and offsets in seconds from a binary `.seizures` file (WFDB, MIT format).

    Raises:
        UnreadableLabels: the file ends within an annotation, or a seizure lacks one of its ends.
    """
    content = path.read_bytes()
    position, sample = 0, 0
    edges: list[tuple[int, int]] = []
    try:
        while (word := struct.unpack_from("<H", content, position)[0]) != 0:
            position += 2
            code, interval = word >> 10, word & 0x3FF
            # Ten bits hold an interval; a longer one follows as four bytes, high half first.
            if code == _SKIP:
                high, low = struct.unpack_from("<hH", content, position)
                position += 4
                sample += (high << 16) + low
                continue
            # Text of an odd length is padded to two bytes.
            if code == _AUX:
                position += interval + interval % 2
                continue
            sample += interval
            if code in {_START, _STOP}:
                edges.append((code, sample))
    except struct.error as error:
        raise UnreadableLabels(
            "complete WFDB annotations", f"{path.name}, truncated", "Fetch it again."
        ) from error
    codes = [code for code, _ in edges]
    if codes != [_START, _STOP] * (len(codes) // 2):
        raise UnreadableLabels(
            "a start and an end of each seizure", f"{path.name}: {codes}", "Fetch it again."
        )
    times = [sample / RATE_HZ for _, sample in edges]
    return tuple(zip(times[::2], times[1::2], strict=True))


def _entry(block: str, channels: tuple[str, ...]) -> SummaryEntry:
    clocks = {key: _clock(value) for key, value in re.findall(r"File (Start|End) Time:(.*)", block)}
    start_s, end_s = clocks.get("Start"), clocks.get("End")
    duration_s = None if start_s is None or end_s is None else float((end_s - start_s) % _DAY_S)
    edges = _EDGE.findall(block)
    stated = re.search(r"Number of Seizures in File:\s*(\d+)", block)
    kinds = [kind for kind, _ in edges]
    if stated is None or kinds != ["Start", "End"] * int(stated[1]):
        return SummaryEntry((), duration_s, channels, "the stated number of seizures is wrong")
    times = [float(value) for _, value in edges]
    try:
        events = tuple(Event(on, off - on) for on, off in zip(times[::2], times[1::2], strict=True))
    except BrainbrrError:
        return SummaryEntry((), duration_s, channels, "a seizure ends before it begins")
    return SummaryEntry(events, duration_s, channels)


def _clock(text: str) -> int | None:
    match = _CLOCK.search(text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) if match else None


def _labels(path: Path, entry: SummaryEntry | None, with_seizures: set[str] | None) -> Labels:
    binary = path.with_name(path.name + ".seizures")
    spans = read_seizures(binary) if binary.is_file() else None
    if entry is not None and entry.fault:
        raise UnreadableLabels(
            "a consistent summary entry", f"{path.name}: {entry.fault}", "Fetch the summary again."
        )
    if entry is None and spans is not None:
        return tuple(Event(on, off - on) for on, off in spans), None
    if entry is None:
        listed_free = with_seizures is not None and path.name not in with_seizures
        return () if listed_free else None, None
    summary = [(event.onset_s, event.offset_s) for event in entry.events]
    if spans is not None and not _agree(summary, spans):
        raise LabelsDisagree(
            f"the summary's seizures of {path.name} in its .seizures file",
            f"{summary} s in one, {list(spans)} s in the other",
            "Fetch both files again.",
        )
    return entry.events, entry.duration_s


def _agree(summary: list[tuple[float, float]], spans: tuple[tuple[float, float], ...]) -> bool:
    """Whether all edges agree within a second, the summary's resolution."""
    return len(summary) == len(spans) and all(
        abs(first - second) <= 1.0
        for pair, other in zip(summary, spans, strict=True)
        for first, second in zip(pair, other, strict=True)
    )


def _records_with_seizures(root: Path) -> set[str] | None:
    """Read `RECORDS-WITH-SEIZURES`, at the root or above a single case; None if it is missing."""
    for folder in (root, root.parent):
        path = folder / "RECORDS-WITH-SEIZURES"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").split()
            return {line.rsplit("/", 1)[-1] for line in lines}
    return None
