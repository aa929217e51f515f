"""The table of a live signal's events, written again atomically whenever one is certain."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from brainbrr.errors import InUse
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.tsv import read_tsv, write_tsv
from brainbrr.streaming.detector_stream import StreamUpdate

_ROUNDING_S = 1e-3


class EventTable:
    """Events of a stream in a file that is complete at any time.

    If the file exists, watching resumes: the signal is replayed from its beginning, and the file
    stays as it is until its length is reached. The events it holds must be found again.

    Args:
        path: the TSV, or None to keep the events in memory only.
        settled_s: how far before its end an older table is final.
    """

    def __init__(self, path: Path | None, settled_s: float) -> None:
        self._path = path
        self._held: Annotation | None = None
        if path is not None and path.exists():
            held = read_tsv(path)
            self._held = replace(held, events=held.seizures)
        self._settled_s = settled_s
        self._events: list[Event] = []
        self._written = False

    @property
    def events(self) -> tuple[Event, ...]:
        """All events so far."""
        return tuple(self._events)

    @property
    def resumes_s(self) -> float:
        """Length of the table that is being resumed, or 0."""
        return self._held.duration_s if self._held else 0.0

    def add(self, update: StreamUpdate, start: datetime | None) -> None:
        """Add what a chunk made certain.

        Raises:
            InUse: the table belongs to another recording or detector: it holds other events.
        """
        self._events += update.events
        new = bool(update.events) or update.ended or not self._written
        if self._path is None or update.time_s <= 0 or not new:
            return
        if self._held is not None:
            passed = update.time_s >= self._held.duration_s
            if not (passed or update.ended):
                return
            self._compare(self._held, update.time_s)
            if not passed:
                return
            self._held = None
        write_tsv(Annotation(self.events, update.time_s, start), self._path)
        self._written = True

    def _compare(self, held: Annotation, time_s: float) -> None:
        until_s = min(held.duration_s, time_s) - self._settled_s
        before = [event for event in held.events if event.offset_s < until_s]
        again = [event for event in self._events if event.offset_s < until_s]
        same = len(before) == len(again) and all(
            abs(a.onset_s - b.onset_s) < _ROUNDING_S and abs(a.duration_s - b.duration_s) < 0.01
            for a, b in zip(before, again, strict=True)
        )
        if not same:
            raise InUse(
                f"the {len(before)} events that {self._path} holds before {until_s:.0f} s",
                f"{len(again)} others from this recording and detector",
                "Name another output, or remove the file.",
            )
