"""The header of an EDF or BDF, parsed and checked against itself and the size of the file.

Sources: Kemp et al. 1992 (EDF), Kemp and Olivan 2003 (EDF+), BioSemi's BDF description. A fault is
repaired only if a second fact in the file confirms the repair, and each repair is listed in
`repairs`; otherwise the file is refused by name.

The second fact is the size of the file or the timestamps of its records. A record of an EDF+ begins
its annotation channel with its own time: times found where the header places them, as far apart as
it says, confirm everything that places a record (the length of the header, the signals' numbers of
samples, the duration of a record).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from brainbrr.data.recordings.edf.channel import EdfChannel, integer, number, parse_channels
from brainbrr.data.recordings.edf.tal import record_time_s
from brainbrr.data.recordings.refusals import (
    AnnotationOnly,
    CompressedFile,
    GitLfsPointer,
    HeaderMismatch,
    NotAnEdf,
    TruncatedEdf,
    UnreadableHeader,
    UnreadableRecording,
    open_regular,
)

FIXED_BYTES = 256
_MAX_SIGNALS = 4096
_STAMP_TOLERANCE_S = 0.1
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True)
class EdfHeader:
    """A file's header after the checks.

    Attributes:
        channels: in file order.
        n_records: complete data records in the file.
        record_s: duration of one in seconds.
        header_bytes: offset of the first one.
        sample_bytes: 2 in EDF, 3 in BDF.
        is_plus, is_discontinuous: EDF+ (BDF+), and its discontinuous form.
        start: date and time in the header, or None if they are invalid.
        repairs: what was repaired.
        count_confirmed: whether the file's size or its timestamps confirm where the records lie.
    """

    channels: tuple[EdfChannel, ...]
    n_records: int
    record_s: float
    header_bytes: int
    sample_bytes: int
    is_plus: bool
    is_discontinuous: bool
    start: datetime | None
    repairs: tuple[str, ...]
    count_confirmed: bool

    @property
    def record_samples(self) -> int:
        """Samples of all channels in one data record."""
        return sum(channel.n_samples for channel in self.channels)

    @property
    def record_bytes(self) -> int:
        """Bytes of one data record."""
        return self.record_samples * self.sample_bytes


def _required(value: float | None, field: str) -> float:
    if value is None:
        raise UnreadableHeader(
            f"a number in the header field '{field}'",
            "something else",
            "Export the recording again.",
        )
    return value


def check_kind(head: bytes) -> int:
    """Return the bytes per sample: 2 in an EDF, 3 in a BDF.

    Raises:
        GitLfsPointer, CompressedFile, NotAnEdf: judged by the first bytes.
    """
    if head.startswith(b"version https://git-lfs"):
        raise GitLfsPointer(
            "a recording", "a git-lfs pointer", "Download it with git lfs pull or datalad get."
        )
    if head.startswith(_ARCHIVES):
        raise CompressedFile("a recording", "a compressed file", "Unpack it first.")
    if head[:8] == b"\xffBIOSEMI":
        return 3
    if head[:8].strip(b" \0") == b"0" and head[:1] == b"0":
        return 2
    raise NotAnEdf(
        "the version field of an EDF ('0') or BDF",
        f"other bytes ({len(head)} in all read)",
        "Check the file.",
    )


def _start(date: str, time: str) -> datetime | None:
    """Parse date `dd.mm.yy` and time `hh.mm.ss` with any separators; years 85-99 are 1985-1999."""
    fields = re.fullmatch(
        r"(\d{1,2})\D(\d{1,2})\D(\d{2})\D(\d{1,2})\D(\d{1,2})\D(\d{1,2})", f"{date} {time}"
    )
    if fields is None:
        return None
    day, month, year, hour, minute, second = map(int, fields.groups())
    try:
        return datetime(year + (1900 if year >= 85 else 2000), month, day, hour, minute, second)
    except ValueError:
        return None


def _count_repairs(declared: int | None, n_complete: int, rest: int, stamped: bool) -> list[str]:
    """List how the number of records was repaired.

    Args:
        declared: the header's number, negative or None if it has none.
        n_complete: complete records in the file.
        rest: bytes after them.
        stamped: whether timestamps confirm where the records lie.

    Raises:
        HeaderMismatch: far more data than declared, not in complete records, without timestamps.
        UnreadableHeader: no number, and neither size nor timestamps to derive it from.
    """
    partial = [f"incomplete last data record ({rest} bytes) ignored"] if rest else []
    if declared == n_complete:
        return [f"{rest} trailing bytes after the last data record ignored"] if rest else []
    if declared is None:
        if rest and not stamped:
            _required(None, "number of data records")
        return ["unreadable number of data records: derived from the file's size", *partial]
    # -1 is what a recorder writes first and replaces at the end: it never came to that.
    if declared < 0:
        return ["number of data records derived from the file's size", *partial]
    if n_complete < declared:
        return [f"file ends early: {n_complete} of {declared} data records are complete", *partial]
    # More data than declared is either a wrong count or a wrong record size. Only data that ends
    # with a record, or timestamps, exclude the second, which would scramble every channel.
    if rest and not stamped:
        raise HeaderMismatch(
            f"{declared} data records as the header states",
            f"data for more than {n_complete} records of that size",
            "Export the recording again; if its recorder was interrupted, set the number of data "
            "records in its header to -1.",
        )
    more = f"file holds {n_complete} data records, its header states {declared}: all were read"
    return [more, *partial]


def _record_length(
    text: str, times_s: tuple[float, ...], n_records: int
) -> tuple[float, list[str]]:
    """Return the duration of a record, from the header or else the timestamps, and the repairs."""
    header_s = number(text)
    if header_s is not None and header_s > 0:
        return header_s, []
    stamped_s = _stamped_length_s(times_s, n_records)
    if stamped_s is None:
        header_s = _required(header_s, "duration of a data record")
        raise UnreadableHeader(
            "data records longer than 0 s", f"{header_s} s", "Export the recording again."
        )
    return stamped_s, ["duration of a data record derived from the timestamps"]


def parse_header(path: Path, *, growing: bool = False) -> EdfHeader:
    """Read and check the header of an EDF or BDF.

    Args:
        path: the file.
        growing: the file is still being written: its complete records are counted (possibly zero)
            and the header's count is ignored.

    Raises:
        UnreadableRecording: one of its subclasses.
    """
    with open_regular(path) as file:
        fixed = file.read(FIXED_BYTES)
    try:
        return _parsed(path, fixed, check_kind(fixed), growing=growing)
    except NotAnEdf as refusal:
        return _without_version(path, fixed, refusal)


def _without_version(path: Path, fixed: bytes, refusal: NotAnEdf) -> EdfHeader:
    """Parse a file of which only the version field is damaged; otherwise raise the refusal."""
    try:
        header = _parsed(path, fixed, sample_bytes=2)
    except UnreadableRecording:
        raise refusal from None
    if (
        not header.count_confirmed
        or integer(fixed[184:192].decode("latin-1")) != header.header_bytes
    ):
        raise refusal
    version = "invalid version field; everything else is consistent"
    return replace(header, repairs=(version, *header.repairs))


def _parsed(path: Path, fixed: bytes, sample_bytes: int, *, growing: bool = False) -> EdfHeader:
    if len(fixed) < FIXED_BYTES:
        raise TruncatedEdf("a header of 256 bytes", f"{len(fixed)} bytes", "Copy the file again.")
    text = fixed.decode("latin-1")
    n_signals = int(_required(integer(text[252:256]), "number of signals"))
    if not 0 < n_signals <= _MAX_SIGNALS:
        raise UnreadableHeader(
            f"1 to {_MAX_SIGNALS} signals", f"{n_signals}", "Export the recording again."
        )
    with open_regular(path) as file:
        file.seek(FIXED_BYTES)
        block = file.read(FIXED_BYTES * n_signals)
    if len(block) < FIXED_BYTES * n_signals:
        raise TruncatedEdf(
            f"a header of {FIXED_BYTES * (n_signals + 1)} bytes",
            f"{FIXED_BYTES + len(block)} bytes",
            "Copy the file again.",
        )
    channels = parse_channels(block, n_signals, sample_bytes)
    return _checked(path, text, channels, sample_bytes, growing=growing)


def _checked(
    path: Path, text: str, channels: tuple[EdfChannel, ...], sample_bytes: int, *, growing: bool
) -> EdfHeader:
    """Check the fixed part of the header against the channels, the file's size and timestamps."""
    if all(channel.is_annotation or channel.n_samples == 0 for channel in channels):
        raise AnnotationOnly("a signal", "annotations alone", "Use the file that holds the EEG.")
    header_bytes = FIXED_BYTES * (len(channels) + 1)
    record_bytes = sum(channel.n_samples for channel in channels) * sample_bytes
    n_bytes = path.stat().st_size - header_bytes
    n_records, rest = divmod(n_bytes, record_bytes)
    if n_records == 0 and not growing:
        raise TruncatedEdf(
            "at least one complete data record", f"{n_bytes} bytes of data", "Copy the file again."
        )
    times_s = _stamps_s(path, channels, sample_bytes, n_records)
    record_s, repairs = _record_length(text[244:252], times_s, n_records)
    stamped = _confirms(times_s, record_s)
    declared, rest = (n_records, 0) if growing else (integer(text[236:244]), rest)
    repairs += _count_repairs(declared, n_records, rest, stamped)
    confirmed = stamped or (declared == n_records and rest == 0)
    # The number of signals determines the header's length; if they differ, one of them is wrong.
    # Records found at the computed offset settle which.
    if integer(text[184:192]) != header_bytes:
        if not confirmed:
            raise HeaderMismatch(
                f"a header length of {header_bytes} bytes for {len(channels)} signals",
                "another, and a file size that does not show which is right",
                "Export the recording again.",
            )
        repairs.append("wrong header length replaced by that of the number of signals")
    start = _start(text[168:176].strip(" \0"), text[176:184].strip(" \0"))
    if start is None:
        repairs.append("start date or time unreadable: treated as unknown")
    reserved = text[192:197]
    return EdfHeader(
        channels=channels,
        n_records=n_records,
        record_s=record_s,
        header_bytes=header_bytes,
        sample_bytes=sample_bytes,
        is_plus=reserved[:4] in {"EDF+", "BDF+"},
        is_discontinuous=reserved in {"EDF+D", "BDF+D"},
        start=start,
        repairs=tuple(repairs),
        count_confirmed=confirmed,
    )


def _stamps_s(
    path: Path, channels: Sequence[EdfChannel], sample_bytes: int, n_records: int
) -> tuple[float, ...]:
    """Read the times of the first, second and last record; empty if one of them has none."""
    lists = next((c for c in channels if c.is_annotation and c.n_samples > 0), None)
    if lists is None or not n_records:
        return ()
    header_bytes = FIXED_BYTES * (len(channels) + 1)
    record_bytes = sum(channel.n_samples for channel in channels) * sample_bytes
    times_s = []
    with open_regular(path) as file:
        for record in sorted({0, min(1, n_records - 1), n_records - 1}):
            offset = record * record_bytes + lists.first_sample * sample_bytes
            file.seek(header_bytes + offset)
            time_s = record_time_s(file.read(lists.n_samples * sample_bytes))
            if time_s is None:
                return ()
            times_s.append(time_s)
    return tuple(times_s)


def _stamped_length_s(times_s: Sequence[float], n_records: int) -> float | None:
    """Derive the duration of a record from `_stamps_s`; None unless they agree on one.

    The first two records give it and the last one must lie where it predicts: a file with a gap
    does not say how long its records are.
    """
    if len(times_s) < 3:
        return None
    length_s = times_s[1] - times_s[0]
    expected_s = (n_records - 1) * length_s
    agree = length_s > 0 and abs(times_s[-1] - times_s[0] - expected_s) <= _STAMP_TOLERANCE_S
    return round(length_s, 6) if agree else None


def _confirms(times_s: Sequence[float], record_s: float) -> bool:
    """Whether `_stamps_s` found times, none less than a record apart."""
    steps_s = [after - before for before, after in pairwise(times_s)]
    return bool(times_s) and all(step_s >= record_s - _STAMP_TOLERANCE_S for step_s in steps_s)
