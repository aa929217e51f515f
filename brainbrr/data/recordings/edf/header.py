"""The header of an EDF or BDF, parsed and checked against itself and the size of the file.

Sources: Kemp et al. 1992 (EDF), Kemp and Olivan 2003 (EDF+), BioSemi's BDF description. A fault is
mended only where a second fact in the file confirms the mend; each mend is told in `repairs`; else
the file is refused by name.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from brainbrr.data.recordings.edf.channel import EdfChannel, number, parse_channels, whole
from brainbrr.data.recordings.edf.layout import Layout, confirms, record_length_s, stamps_s
from brainbrr.data.recordings.refusals import (
    AnnotationOnly,
    CompressedFile,
    GitLfsPointer,
    HeaderMismatch,
    NotAnEdf,
    TruncatedEdf,
    UnreadableHeader,
    UnreadableRecording,
)

FIXED_BYTES = 256
_MAX_SIGNALS = 4096
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True)
class EdfHeader:
    """What a file's header says, after the checks.

    Attributes:
        channels: in file order.
        n_records: whole data records that the file holds.
        record_s: length of one in seconds.
        header_bytes: where the first one begins.
        sample_bytes: 2 in EDF, 3 in BDF.
        is_plus, is_discontinuous: EDF+ (BDF+), and its discontinuous form.
        start: date and time in the header, or None where they are none.
        repairs: what was mended.
        count_confirmed: whether the file's size or its time stamps confirm where the records lie.
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
    """Bytes a sample takes: 2 in an EDF, 3 in a BDF.

    Raises:
        GitLfsPointer, CompressedFile, NotAnEdf: by the first bytes.
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
    """Date `dd.mm.yy` and time `hh.mm.ss`, whatever the separators; years 85-99 are 1985-1999."""
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


def _count_repairs(declared: int | None, whole: int, rest: int, stamped: bool) -> list[str]:
    """What had to be mended about the number of records.

    Args:
        declared: the header's number, negative or None where it has none.
        whole: records that the file holds.
        rest: bytes behind them.
        stamped: whether time stamps confirm where the records lie.

    Raises:
        HeaderMismatch: far more data than declared, not in whole records, and without stamps.
        UnreadableHeader: no number, and neither size nor stamps to tell it from.
    """
    behind = [f"incomplete last data record ({rest} bytes) left out"] if rest else []
    if declared == whole:
        return [f"{rest} bytes behind the last data record left out"] if rest else []
    if declared is None:
        if rest and not stamped:
            _required(None, "number of data records")
        return ["unreadable number of data records: taken from the file's size", *behind]
    if declared < 0:
        return ["number of data records taken from the file's size", *behind]
    if whole < declared:
        return [f"file ends early: {whole} of {declared} data records are whole", *behind]
    if rest and not stamped:
        raise HeaderMismatch(
            f"{declared} data records as the header says",
            f"data for more than {whole} records of that size",
            "Export the recording again; where its recorder was cut off, set the number of data "
            "records in its header to -1.",
        )
    more = f"file holds {whole} data records, its header says {declared}: all were read"
    return [more, *behind]


def _record_length(
    text: str, times_s: tuple[float, ...], n_records: int
) -> tuple[float, list[str]]:
    """Seconds a record lasts, by the header or else by the time stamps, and what was mended."""
    told_s = number(text)
    if told_s is not None and told_s > 0:
        return told_s, []
    stamped_s = record_length_s(times_s, n_records)
    if stamped_s is None:
        told_s = _required(told_s, "duration of a data record")
        raise UnreadableHeader(
            "data records longer than 0 s", f"{told_s} s", "Export the recording again."
        )
    return stamped_s, ["duration of a data record taken from the time stamps"]


def parse_header(path: Path, *, growing: bool = False) -> EdfHeader:
    """Read and check the header of an EDF or BDF.

    Args:
        path: the file.
        growing: it is still being written, so that its size says nothing yet: the whole records
            that are there now are counted, be it none, and the header's count is left aside.

    Raises:
        UnreadableRecording: one of its named forms.
    """
    with path.open("rb") as file:
        fixed = file.read(FIXED_BYTES)
    try:
        return _parsed(path, fixed, check_kind(fixed), growing=growing)
    except NotAnEdf as refusal:
        return _without_version(path, fixed, refusal)


def _without_version(path: Path, fixed: bytes, refusal: NotAnEdf) -> EdfHeader:
    """The header of a file whose version field alone is damaged; else the refusal is raised."""
    try:
        header = _parsed(path, fixed, sample_bytes=2)
    except UnreadableRecording:
        raise refusal from None
    if not header.count_confirmed or whole(fixed[184:192].decode("latin-1")) != header.header_bytes:
        raise refusal
    return replace(header, repairs=("version that is no EDF's, all else is", *header.repairs))


def _parsed(path: Path, fixed: bytes, sample_bytes: int, *, growing: bool = False) -> EdfHeader:
    if len(fixed) < FIXED_BYTES:
        raise TruncatedEdf("a header of 256 bytes", f"{len(fixed)} bytes", "Copy the file again.")
    text = fixed.decode("latin-1")
    n_signals = int(_required(whole(text[252:256]), "number of signals"))
    if not 0 < n_signals <= _MAX_SIGNALS:
        raise UnreadableHeader(
            f"1 to {_MAX_SIGNALS} signals", f"{n_signals}", "Export the recording again."
        )
    with path.open("rb") as file:
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
    """Hold the fixed part of the header against the channels, the file's size and its stamps."""
    if all(channel.is_annotation or channel.n_samples == 0 for channel in channels):
        raise AnnotationOnly("a signal", "annotations alone", "Use the file that holds the EEG.")
    header_bytes = FIXED_BYTES * (len(channels) + 1)
    record_bytes = sum(channel.n_samples for channel in channels) * sample_bytes
    n_bytes = path.stat().st_size - header_bytes
    n_records, rest = divmod(n_bytes, record_bytes)
    if n_records == 0 and not growing:
        raise TruncatedEdf(
            "one whole data record or more", f"{n_bytes} bytes of data", "Copy the file again."
        )
    layout = Layout(header_bytes, record_bytes, n_records)
    times_s = stamps_s(path, layout, channels, sample_bytes)
    record_s, repairs = _record_length(text[244:252], times_s, n_records)
    stamped = confirms(times_s, record_s)
    declared, rest = (n_records, 0) if growing else (whole(text[236:244]), rest)
    repairs += _count_repairs(declared, n_records, rest, stamped)
    confirmed = stamped or (declared == n_records and rest == 0)
    if whole(text[184:192]) != header_bytes:
        if not confirmed:
            raise HeaderMismatch(
                f"a header length of {header_bytes} bytes for {len(channels)} signals",
                "another, and a file size that does not settle which is right",
                "Export the recording again.",
            )
        repairs.append("wrong header length replaced by the one the number of signals gives")
    start = _start(text[168:176].strip(" \0"), text[176:184].strip(" \0"))
    if start is None:
        repairs.append("start date or time unreadable: taken as unknown")
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
