"""An EDF or BDF that is still being written, read record by record as it grows."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.edf.header import FIXED_BYTES, EdfHeader, parse_header
from brainbrr.data.recordings.edf.reader import choose_channels, read_records, scaled
from brainbrr.data.recordings.edf.tal import record_time_s
from brainbrr.data.recordings.refusals import CorruptRecords
from brainbrr.errors import BrainbrrError
from brainbrr.streaming.source import Chunk, NothingToWatch

_MAX_RECORDS = 60
_JITTER_S = 0.1
"""How far a record's time stamp may stray before it means a gap, as in continuous EDF+ files."""


class FileReplaced(BrainbrrError):
    """The file that was being followed is shorter than before, or another one."""


class GrowingEdf:
    """A `LiveSource` of microvolts from a file that a recorder appends to.

    Only whole data records are read; the number of records in the header, which recorders write
    last or leave at -1, is left aside. EDF+ time stamps show gaps. EEG channels at another rate
    than most are left out.

    Args:
        path: the file, whose header is there.

    Raises:
        UnreadableRecording: one of its named forms.
    """

    unit = "uV"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header: EdfHeader = parse_header(path, growing=True)
        choice = choose_channels(self._header)
        self._channels = [c for c in choice.channels if c.n_samples == choice.n_samples]
        self.left_out = tuple(c.label for c in choice.channels if c not in self._channels)
        self.labels = tuple(channel.label for channel in self._channels)
        self.rate_hz = choice.n_samples / self._header.record_s
        self._stamps = next((c for c in self._header.channels if c.is_annotation), None)
        self._identity = _identity(path)
        self._n_read = 0
        self._lead_s = 0.0
        self._due_s: float | None = None

    @property
    def start(self) -> datetime | None:
        """Date and time of the first sample, or None."""
        start = self._header.start
        return None if start is None else start + timedelta(seconds=self._lead_s)

    def read(self) -> list[Chunk]:
        """The whole records written since the last call, at most a minute or so of them.

        Raises:
            FileReplaced: the file was cut, removed or exchanged.
            CorruptRecords: in a discontinuous file, a time stamp is missing or runs back.
        """
        n_bytes = self._size() - self._header.header_bytes
        n_new = min(n_bytes // self._header.record_bytes - self._n_read, _MAX_RECORDS)
        if n_new <= 0:
            return []
        records = read_records(self._path, self._header, self._n_read, n_new)
        self._n_read += n_new
        chunks: list[Chunk] = []
        first, first_s = 0, self._time(records[0])
        for index in range(1, n_new):
            due_s = self._due_s
            time_s = self._time(records[index])
            if time_s is not None and due_s is not None and abs(time_s - due_s) > _JITTER_S:
                chunks.append(self._chunk(records[first:index], first_s))
                first, first_s = index, time_s
        return [*chunks, self._chunk(records[first:], first_s)]

    def close(self) -> None:
        """Nothing is held open between reads."""

    def _size(self) -> int:
        try:
            identity, n_bytes = _identity(self._path), self._path.stat().st_size
        except FileNotFoundError:
            identity, n_bytes = (0, 0), 0
        n_known = self._header.header_bytes + self._n_read * self._header.record_bytes
        if identity != self._identity or n_bytes < n_known:
            raise FileReplaced(
                "the same file, as long as before or longer",
                "a shorter one, another one, or none",
                "Start again on the file that the recorder writes now.",
            )
        return n_bytes

    def _chunk(self, records: NDArray[np.integer], time_s: float | None) -> Chunk:
        return Chunk(np.stack([scaled(records, channel) for channel in self._channels]), time_s)

    def _time(self, record: NDArray[np.integer]) -> float | None:
        """When a record began; stamps of a continuous file that do not move on say nothing."""
        due_s, stamp_s = self._due_s, self._stamp(record)
        moves_on = stamp_s is not None and (due_s is None or stamp_s >= due_s - _JITTER_S)
        if self._stamps is not None and self._header.is_discontinuous and not moves_on:
            raise CorruptRecords(
                "a time stamp behind the last in each record of a discontinuous file",
                "none" if stamp_s is None else "an earlier one",
                "Check the recorder.",
            )
        if moves_on and due_s is None and stamp_s is not None:
            self._lead_s = stamp_s
        time_s = stamp_s if moves_on else due_s
        self._due_s = None if time_s is None else time_s + self._header.record_s
        return time_s

    def _stamp(self, record: NDArray[np.integer]) -> float | None:
        if self._stamps is None:
            return None
        first = self._stamps.first_sample
        digits = record[first : first + self._stamps.n_samples]
        wide = digits.astype("<i4").view(np.uint8).reshape(-1, 4)
        return record_time_s(wide[:, : self._header.sample_bytes].tobytes())


def _identity(path: Path) -> tuple[int, int]:
    """What tells a file from another of the same name."""
    found = path.stat()
    return found.st_dev, found.st_ino


def await_edf(path: Path, *, timeout_s: float | None, poll_s: float) -> GrowingEdf:
    """The file, as soon as its header is written.

    Args:
        path: may not exist yet.
        timeout_s: how long to wait, or None for ever.
        poll_s: seconds between looks.

    Raises:
        NothingToWatch: no whole header in time.
        UnreadableRecording: the header is there and cannot be read as EEG.
    """
    began_s = time.monotonic()
    while not _has_header(path):
        if timeout_s is not None and time.monotonic() - began_s >= timeout_s:
            raise NothingToWatch(
                "an EDF or BDF with a whole header",
                f"{path} with none after {timeout_s:g} s",
                "Start the recorder first, or raise timeout_s.",
            )
        time.sleep(poll_s)
    return GrowingEdf(path)


def _has_header(path: Path) -> bool:
    """Whether the header is as long as its number of signals says; a number that is none counts as
    there, to be refused by the reader."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        fixed = file.read(FIXED_BYTES)
        if len(fixed) < FIXED_BYTES:
            return False
        digits = fixed[252:256].strip()
        n_signals = int(digits) if digits.isdigit() else 0
        return path.stat().st_size >= FIXED_BYTES * (n_signals + 1)
