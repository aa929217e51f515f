"""The header of an EDF or BDF, parsed and checked against itself and the size of the file.

Sources: Kemp et al. 1992 (EDF), Kemp and Olivan 2003 (EDF+), BioSemi's BDF description. A fault is
mended only where a second fact in the file confirms the mend; each mend is told in `repairs`; else
the file is refused by name.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from brainbrr.data.edf_channel import EdfChannel, number, parse_channels, whole
from brainbrr.data.refusals import (
    AnnotationOnly,
    CompressedFile,
    GitLfsPointer,
    HeaderMismatch,
    NotAnEdf,
    TruncatedEdf,
    UnreadableHeader,
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
        count_confirmed: whether the number of records in the header fits the file's size exactly.
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


def _count_records(declared: int, n_bytes: int, record_bytes: int) -> tuple[int, bool, list[str]]:
    """Whole records in the file, whether the header's count fits the size, and what was mended.

    Raises:
        TruncatedEdf: not one whole record.
        HeaderMismatch: far more data than declared, and not in whole records.
    """
    whole, rest = divmod(n_bytes, record_bytes)
    if whole == 0:
        raise TruncatedEdf(
            "one whole data record or more", f"{n_bytes} bytes of data", "Copy the file again."
        )
    if declared == whole:
        return (
            whole,
            rest == 0,
            [f"{rest} bytes behind the last data record left out"] if rest else [],
        )
    if declared < 0:
        notes = ["number of data records taken from the file's size"]
    elif whole < declared:
        notes = [f"file ends early: {whole} of {declared} data records are whole"]
    elif rest == 0:
        notes = [f"file holds {whole} data records, its header says {declared}: all were read"]
    else:
        raise HeaderMismatch(
            f"{declared} data records as the header says",
            f"data for {n_bytes / record_bytes:.2f} records of that size",
            "Export the recording again; its header does not describe it.",
        )
    return (
        whole,
        False,
        notes + ([f"incomplete last data record ({rest} bytes) left out"] if rest else []),
    )


def parse_header(path: Path, *, growing: bool = False) -> EdfHeader:
    """Read and check the header of an EDF or BDF.

    Args:
        path: the file.
        growing: it is still being written, so that its size says nothing yet: the whole records
            that are there now are counted, be it none, and the header's count is left aside.

    Raises:
        UnreadableRecording: one of its named forms.
    """
    n_file_bytes = path.stat().st_size
    with path.open("rb") as file:
        fixed = file.read(FIXED_BYTES)
        sample_bytes = check_kind(fixed)
        if len(fixed) < FIXED_BYTES:
            raise TruncatedEdf(
                "a header of 256 bytes", f"{len(fixed)} bytes", "Copy the file again."
            )
        text = fixed.decode("latin-1")
        n_signals = int(_required(whole(text[252:256]), "number of signals"))
        if not 0 < n_signals <= _MAX_SIGNALS:
            raise UnreadableHeader(
                f"1 to {_MAX_SIGNALS} signals", f"{n_signals}", "Export the recording again."
            )
        block = file.read(FIXED_BYTES * n_signals)
    header_bytes = FIXED_BYTES * (n_signals + 1)
    if len(block) < FIXED_BYTES * n_signals:
        raise TruncatedEdf(
            f"a header of {header_bytes} bytes", f"{n_file_bytes} bytes", "Copy the file again."
        )
    channels = parse_channels(block, n_signals, sample_bytes)
    n_bytes = None if growing else n_file_bytes - header_bytes
    header = _checked(text, channels, header_bytes, sample_bytes, n_bytes)
    n_records = (n_file_bytes - header_bytes) // header.record_bytes
    return replace(header, n_records=n_records) if growing else header


def _checked(
    text: str,
    channels: tuple[EdfChannel, ...],
    header_bytes: int,
    sample_bytes: int,
    n_bytes: int | None,
) -> EdfHeader:
    """Hold the fixed part of the header against the channels and, unless None, the bytes of
    data."""
    if all(channel.is_annotation or channel.n_samples == 0 for channel in channels):
        raise AnnotationOnly("a signal", "annotations alone", "Use the file that holds the EEG.")
    record_s = _required(number(text[244:252]), "duration of a data record")
    if not record_s > 0:
        raise UnreadableHeader(
            "data records longer than 0 s", f"{record_s} s", "Export the recording again."
        )
    record_bytes = sum(channel.n_samples for channel in channels) * sample_bytes
    declared = int(_required(whole(text[236:244]), "number of data records"))
    n_records, confirmed, repairs = (
        (0, True, []) if n_bytes is None else _count_records(declared, n_bytes, record_bytes)
    )
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
