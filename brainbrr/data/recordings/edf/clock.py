"""When each data record was recorded, and the annotations in the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.edf.channel import EdfChannel
from brainbrr.data.recordings.edf.header import EdfHeader
from brainbrr.data.recordings.edf.tal import TimedText, read_annotations, record_time_s
from brainbrr.data.recordings.refusals import CorruptRecords
from brainbrr.events.event import Event

MAX_GAPS_S = 7 * 86_400.0
_MAX_LEAD_S = 366 * 86_400.0
_STAMP_STEP_S = 0.001
"""Coarsest rounding of a timestamp that is not mistaken for a gap."""
_CONTINUOUS_TOLERANCE_S = 0.1
"""How far timestamps of a file declared continuous may deviate before they count as gaps."""


@dataclass(frozen=True)
class Run:
    """A run of data records without a gap; `first_sample` is its position, gaps included."""

    first_record: int
    n_records: int
    first_sample: int


@dataclass(frozen=True)
class Clock:
    """The time axis of a file.

    Attributes:
        runs: in order, not overlapping.
        n_samples: length, gaps included.
        lead_s: seconds from the header's start to the first sample (the fraction of a second that
            the header cannot hold).
        events: annotations in seconds after the first sample, their text as the type.
        repairs: what was repaired.
    """

    runs: tuple[Run, ...]
    n_samples: int
    lead_s: float
    events: tuple[Event, ...]
    repairs: tuple[str, ...]


def _annotation_blocks(path: Path, header: EdfHeader, channel: EdfChannel) -> Iterator[bytes]:
    """Read the bytes of one annotation channel, record by record."""
    n_bytes = channel.n_samples * header.sample_bytes
    with path.open("rb") as file:
        for record in range(header.n_records):
            offset = record * header.record_bytes + channel.first_sample * header.sample_bytes
            file.seek(header.header_bytes + offset)
            yield file.read(n_bytes)


def _refuse(got: str) -> CorruptRecords:
    return CorruptRecords(
        "data records with timestamps that increase as in the header",
        got,
        "Export the recording again.",
    )


def _unbroken(header: EdfHeader) -> tuple[Run, ...]:
    return (Run(0, header.n_records, 0),)


def _runs(
    times_s: NDArray[np.float64], header: EdfHeader, n_samples: int, tolerance_s: float
) -> tuple[Run, ...]:
    """Group the records that follow one another without a gap.

    Raises:
        CorruptRecords: a record begins before the previous one ends, or the gaps add up to more
            than a week.
    """
    rate_hz = n_samples / header.record_s
    times_s = times_s - times_s[0]
    if times_s.max() - len(times_s) * header.record_s > MAX_GAPS_S:
        raise _refuse(f"gaps of more than {MAX_GAPS_S / 86_400:g} days")
    runs: list[Run] = []
    first, due_s = 0, 0.0
    for record, time_s in enumerate(times_s.tolist()):
        if time_s < due_s - tolerance_s:
            raise _refuse("a record that begins before the previous one ends")
        # The expected time starts over at each gap but not at each record, so that rounded
        # timestamps do not add up to a gap.
        if time_s > due_s + tolerance_s:
            runs.append(_run(runs, first, record, times_s[first] * rate_hz, n_samples))
            first = record
            due_s = time_s
        due_s += header.record_s
    runs.append(_run(runs, first, len(times_s), times_s[first] * rate_hz, n_samples))
    return tuple(runs)


def _run(before: list[Run], first: int, stop: int, position: float, n_samples: int) -> Run:
    """Place a run at its position, but not before the end of the previous one."""
    end = before[-1].first_sample + before[-1].n_records * n_samples if before else 0
    return Run(first, stop - first, max(round(position), end))


def _events(
    texts: list[TimedText], lead_s: float, rate_hz: float, end_s: float
) -> tuple[Event, ...]:
    events = [
        Event(text.onset_s - lead_s, text.duration_s or 1.0 / rate_hz, event_type=text.text)
        for text in texts
        # Annotations further away belong to another recording or are damaged.
        if -end_s <= text.onset_s - lead_s <= 2 * end_s
    ]
    return tuple(sorted(events, key=lambda event: event.onset_s))


def read_clock(path: Path, header: EdfHeader, n_samples: int) -> Clock:
    """Read every record's timestamp and annotations.

    A plain EDF, or a continuous one without timestamps, has no gaps. If the timestamps of a file
    declared continuous show gaps, they are followed, and `repairs` says so.

    Args:
        path: the file.
        header: its header.
        n_samples: samples in a record of the channels that are read.

    Raises:
        CorruptRecords: timestamps are missing or damaged in a discontinuous file, decrease, or
            disagree with the duration of a record.
    """
    rate_hz = n_samples / header.record_s
    channels = [c for c in header.channels if c.is_annotation and c.n_samples > 0]
    if not channels:
        if header.is_discontinuous:
            raise _refuse("a discontinuous file without timestamps")
        runs = _unbroken(header)
        return Clock(runs, header.n_records * n_samples, 0.0, (), ())
    texts: list[TimedText] = []
    stamps: list[float | None] = []
    for block in _annotation_blocks(path, header, channels[0]):
        stamps.append(record_time_s(block))
        texts += read_annotations(block)
    for channel in channels[1:]:
        for block in _annotation_blocks(path, header, channel):
            texts += read_annotations(block)
    runs, lead_s, repairs = _placed(stamps, header, n_samples)
    n_total = runs[-1].first_sample + runs[-1].n_records * n_samples
    events = _events(texts, lead_s, rate_hz, n_total / rate_hz)
    return Clock(runs, n_total, lead_s, events, tuple(repairs))


def _placed(
    stamps: list[float | None], header: EdfHeader, n_samples: int
) -> tuple[tuple[Run, ...], float, list[str]]:
    """Return the runs, the first record's time, and the repairs."""
    n_damaged = sum(stamp is None for stamp in stamps)
    if header.is_discontinuous and n_damaged:
        raise _refuse(f"{n_damaged} of {len(stamps)} timestamps damaged in a discontinuous file")
    if header.is_plus and 2 * n_damaged > len(stamps):
        raise _refuse(f"{n_damaged} of {len(stamps)} timestamps damaged")
    lead_s = stamps[0] if stamps[0] is not None and abs(stamps[0]) < _MAX_LEAD_S else 0.0
    if n_damaged:
        # Only in a file declared continuous, whose records follow one another by definition.
        repair = f"{n_damaged} damaged timestamps: records taken to follow one another"
        return _unbroken(header), lead_s, [repair]
    times_s = np.array(stamps, dtype=np.float64)
    if not header.is_discontinuous and len(times_s) > 1 and not np.any(np.diff(times_s)):
        return _unbroken(header), lead_s, ["constant timestamps ignored"]
    tolerance_s = max(_STAMP_STEP_S, header.record_s / n_samples)
    # Writers of continuous files round or drift; those of discontinuous ones mean what they write.
    if not header.is_discontinuous:
        tolerance_s = max(tolerance_s, min(_CONTINUOUS_TOLERANCE_S, header.record_s / 4))
    runs = _runs(times_s, header, n_samples, tolerance_s)
    repairs = []
    if len(runs) > 1 and not header.is_discontinuous:
        # A gap after nearly every record means that the duration of a record is wrong.
        if len(runs) > len(stamps) // 2:
            raise _refuse("records further apart than they last in a file declared continuous")
        repairs.append(f"{len(runs) - 1} gaps in a file declared continuous: timestamps followed")
    return runs, lead_s, repairs
