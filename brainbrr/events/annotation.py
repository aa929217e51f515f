"""All events of one recording."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InvalidInput
from brainbrr.events.event import BACKGROUND, Event
from brainbrr.events.intervals import Intervals, as_intervals

if TYPE_CHECKING:
    import mne

COLUMNS = (
    "onset", "duration", "eventType", "confidence", "channels", "dateTime", "recordingDuration",
)  # fmt: skip
"""SzCORE's columns of an event table; `brainbrr.events.tsv` reads it."""
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
MISSING = "n/a"


@dataclass(frozen=True)
class Annotation:
    """The events of a recording of known length, sorted by onset.

    Attributes:
        events: any iterable of events; kept as a tuple sorted by onset, then offset.
        duration_s: length of the recording in seconds, gaps included.
        start: date and time of the first sample, or None if unknown or withheld.
    """

    events: tuple[Event, ...]
    duration_s: float
    start: datetime | None = None

    def __post_init__(self) -> None:
        if not self.duration_s > 0:
            raise InvalidInput(
                "a recording longer than 0 s",
                f"{self.duration_s} s",
                "Read the duration from the recording.",
            )
        ordered = sorted(self.events, key=lambda event: (event.onset_s, event.offset_s))
        object.__setattr__(self, "events", tuple(ordered))

    @property
    def seizures(self) -> tuple[Event, ...]:
        """The events that are seizures."""
        return tuple(event for event in self.events if event.is_seizure)

    @property
    def seizure_intervals(self) -> Intervals:
        """`(n, 2)` onsets and offsets of the seizures in seconds, sorted, not merged."""
        return as_intervals([(event.onset_s, event.offset_s) for event in self.seizures])

    def to_tsv(self, path: str | Path, extra: Mapping[str, Sequence[str]] | None = None) -> None:
        """Write SzCORE's seven columns; a recording without events is one `bckg` row.

        Args:
            extra: further columns by name, a value per event.
        """
        events = self.events or (Event(0.0, self.duration_s, BACKGROUND),)
        names = extra or {}
        date_time = self.start.strftime(DATE_FORMAT) if self.start else MISSING
        with atomic_write(path) as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerow([*COLUMNS, *names])
            for number, event in enumerate(events):
                writer.writerow(
                    [
                        f"{event.onset_s:.4f}",
                        f"{event.duration_s:.4f}",
                        event.event_type,
                        MISSING if event.confidence is None else f"{event.confidence:.4f}",
                        ",".join(event.channels) or MISSING,
                        date_time,
                        f"{self.duration_s:.4f}",
                        *(values[number] if self.events else MISSING for values in names.values()),
                    ]
                )

    def to_mne(self) -> mne.Annotations:
        """Convert the seizures to `mne.Annotations`, for `raw.set_annotations`.

        Confidence and electrodes are extras: a raw in bipolar channels lacks the electrodes' names.
        """
        import mne

        events = self.seizures
        return mne.Annotations(
            onset=[event.onset_s for event in events],
            duration=[event.duration_s for event in events],
            description=[event.event_type for event in events],
            extras=[
                {"confidence": event.confidence, "channels": ",".join(event.channels)}
                for event in events
            ],
        )

    @classmethod
    def from_mne(cls, notes: mne.Annotations, duration_s: float) -> Annotation:
        """Convert `mne.Annotations` of a recording of known length, as `to_mne` writes them."""
        return cls(tuple(mne_events(notes)), duration_s)


def mne_events(
    notes: mne.Annotations, *, lead_s: float = 0.0, shortest_s: float = 1e-3
) -> Iterator[Event]:
    """Yield the events of `mne.Annotations`, their text as the type.

    Args:
        lead_s: time before the recording's first sample, which MNE counts in onsets.
        shortest_s: duration of events without one.
    """
    for note in notes:
        extras = note.get("extras", {})
        confidence, channels = extras.get("confidence"), extras.get("channels")
        of_detector = isinstance(confidence, float | int) and 0.0 <= confidence <= 1.0
        yield Event(
            float(note["onset"]) - lead_s,
            float(note["duration"]) or shortest_s,
            str(note["description"]),
            float(confidence) if of_detector else None,
            tuple(channels.split(",")) if isinstance(channels, str) and channels else (),
        )
