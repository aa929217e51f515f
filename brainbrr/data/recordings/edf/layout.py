"""Where the data records lie: a second opinion on a doubtful header, from the records' time stamps.

A record of an EDF+ begins its annotation channel with its own time. Times found where the header
says they are, as far apart as it says the records are, confirm everything that places a record: the
length of the header, the signals' numbers of samples, the duration of a record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from brainbrr.data.recordings.edf.channel import EdfChannel
from brainbrr.data.recordings.edf.tal import record_time_s

_TOLERANCE_S = 0.1


@dataclass(frozen=True)
class Layout:
    """Where a file's records would lie by its header.

    Attributes:
        header_bytes: where the first one begins.
        record_bytes: bytes of one.
        n_records: whole ones up to the end of the file.
    """

    header_bytes: int
    record_bytes: int
    n_records: int


def stamps_s(
    path: Path, layout: Layout, channels: Sequence[EdfChannel], sample_bytes: int
) -> tuple[float, ...]:
    """Times of the first, second and last record; empty where one of them holds none."""
    lists = next((c for c in channels if c.is_annotation and c.n_samples > 0), None)
    if lists is None or not layout.n_records:
        return ()
    times_s = []
    with path.open("rb") as file:
        for record in sorted({0, min(1, layout.n_records - 1), layout.n_records - 1}):
            at = record * layout.record_bytes + lists.first_sample * sample_bytes
            file.seek(layout.header_bytes + at)
            time_s = record_time_s(file.read(lists.n_samples * sample_bytes))
            if time_s is None:
                return ()
            times_s.append(time_s)
    return tuple(times_s)


def record_length_s(times_s: Sequence[float], n_records: int) -> float | None:
    """Length of a record by `stamps_s` of an unbroken file; None where they do not agree on one."""
    if len(times_s) < 3:
        return None
    length_s = times_s[1] - times_s[0]
    expected_s = (n_records - 1) * length_s
    agree = length_s > 0 and abs(times_s[-1] - times_s[0] - expected_s) <= _TOLERANCE_S
    return round(length_s, 6) if agree else None


def confirms(times_s: Sequence[float], record_s: float) -> bool:
    """Whether `stamps_s` found times, none less than a record apart."""
    steps_s = [after - before for before, after in pairwise(times_s)]
    return bool(times_s) and all(step_s >= record_s - _TOLERANCE_S for step_s in steps_s)
