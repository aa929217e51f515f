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
from brainbrr.errors import InvalidFile, NotFound
from brainbrr.streaming.source import Chunk

_MAX_RECORDS = 60
_JITTER_S = 0.1
"""How far a record's timestamp may stray before it means a gap, as in continuous EDF+ files."""


class GrowingEdf:
    """A `LiveSource` of microvolts from a file that a recorder appends to.

    Only complete data records are read; the number of records in the header, which recorders write
    last or leave at -1, is ignored. EDF+ timestamps show gaps. EEG channels at another rate than
    most are left out.

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
        """Return the complete records written since the last call, at most a minute or so of them.

        Raises:
            InvalidFile: the file was cut, removed or replaced.
            CorruptRecords: in a discontinuous file, a timestamp is missing or runs back.
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
        """Do nothing: no file is held open between reads."""

    def _size(self) -> int:
        try:
            identity, n_bytes = _identity(self._path), self._path.stat().st_size
        except FileNotFoundError:
            identity, n_bytes = (0, 0), 0
        n_known = self._header.header_bytes + self._n_read * self._header.record_bytes
        if identity != self._identity or n_bytes < n_known:
            raise InvalidFile(
                "the same file, as long as before or longer",
                "a shorter one, another one, or none",
                "Start again on the file that the recorder writes now.",
            )
        return n_bytes

    def _chunk(self, records: NDArray[np.integer], time_s: float | None) -> Chunk:
        return Chunk(np.stack([scaled(records, channel) for channel in self._channels]), time_s)

    def _time(self, record: NDArray[np.integer]) -> float | None:
        """Return when a record began; constant timestamps of a continuous file are ignored."""
        due_s, stamp_s = self._due_s, self._stamp(record)
        advances = stamp_s is not None and (due_s is None or stamp_s >= due_s - _JITTER_S)
        if self._stamps is not None and self._header.is_discontinuous and not advances:
            raise CorruptRecords(
                "a timestamp in each record of a discontinuous file, later than the previous one",
                "none" if stamp_s is None else "an earlier one",
                "Check the recorder.",
            )
        if advances and due_s is None and stamp_s is not None:
            self._lead_s = stamp_s
        time_s = stamp_s if advances else due_s
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
    """Return what differs between two files of the same name."""
    status = path.stat()
    return status.st_dev, status.st_ino


def await_edf(path: Path, *, timeout_s: float | None, poll_s: float) -> GrowingEdf:
    """Open a file as soon as its header is written.

    Args:
        path: may not exist yet.
        timeout_s: how long to wait; None waits indefinitely.
        poll_s: seconds between checks.

    Raises:
        NotFound: no complete header in time.
        UnreadableRecording: the header is there and cannot be read as EEG.
    """
    began_s = time.monotonic()
    while not _has_header(path):
        if timeout_s is not None and time.monotonic() - began_s >= timeout_s:
            raise NotFound(
                "an EDF or BDF with a complete header",
                f"{path} with none after {timeout_s:g} s",
                "Start the recorder first, or raise timeout_s.",
            )
        time.sleep(poll_s)
    return GrowingEdf(path)


def _has_header(path: Path) -> bool:
    """Return whether the header is as long as its number of signals requires; an invalid number
    counts as complete, to be refused by the reader."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        fixed = file.read(FIXED_BYTES)
        if len(fixed) < FIXED_BYTES:
            return False
        digits = fixed[252:256].strip()
        n_signals = int(digits) if digits.isdigit() else 0
        return path.stat().st_size >= FIXED_BYTES * (n_signals + 1)
