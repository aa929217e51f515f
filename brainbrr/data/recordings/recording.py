"""A recording as its file gives it: microvolts at the native rate, under the file's own labels.

`Recording` holds all samples in memory; `RecordingBlocks` reads them block by block, so that a day
of EEG needs no more memory than a minute.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals


@dataclass(frozen=True)
class Recording:
    """EEG in memory: sample `i` was taken `i / rate_hz` seconds after `start`, also after a gap.

    Attributes:
        eeg_uv: float32 microvolts, shape `(channels, samples)`; zero inside gaps.
        rate_hz: samples per second.
        labels: one name per channel, as the file spells it.
        start: date and time of the first sample, or None.
        gaps: `(n, 2)` intervals in seconds in which nothing was recorded (EDF+D).
        events: annotations in the file itself, their text in `event_type`; it may identify a
            person, so it is never written anywhere.
        repairs: what had to be repaired to read the file, in plain words.
    """

    eeg_uv: NDArray[np.float32]
    rate_hz: float
    labels: tuple[str, ...]
    start: datetime | None = None
    gaps: Intervals = field(default_factory=lambda: as_intervals([]))
    events: tuple[Event, ...] = ()
    repairs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (
            self.eeg_uv.ndim != 2
            or self.eeg_uv.shape[0] != len(self.labels)
            or not self.rate_hz > 0
        ):
            raise InvalidInput(
                "one label per channel and a positive rate",
                f"signal {self.eeg_uv.shape}, {len(self.labels)} labels, {self.rate_hz} Hz",
                "Build the recording with read_recording.",
            )
        object.__setattr__(self, "gaps", as_intervals(self.gaps))

    @property
    def duration_s(self) -> float:
        """Length in seconds, gaps included."""
        return self.eeg_uv.shape[1] / self.rate_hz


class RecordingBlocks(Protocol):
    """A recording read block by block: the attributes of `Recording`, and samples on demand.

    `n_samples` is the length including gaps.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def rate_hz(self) -> float: ...  # noqa: D102
    @property
    def n_samples(self) -> int: ...  # noqa: D102
    @property
    def start(self) -> datetime | None: ...  # noqa: D102
    @property
    def gaps(self) -> Intervals: ...  # noqa: D102
    @property
    def events(self) -> tuple[Event, ...]: ...  # noqa: D102
    @property
    def repairs(self) -> tuple[str, ...]: ...  # noqa: D102

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Read microvolts `(channels, last - first)` of samples `[first, last)`, zero in gaps."""
        ...


class BlocksOfRecording:
    """A recording in memory, read as if it were a file."""

    def __init__(self, recording: Recording) -> None:
        self.labels = recording.labels
        self.rate_hz = recording.rate_hz
        self.n_samples = recording.eeg_uv.shape[1]
        self.start = recording.start
        self.gaps: Intervals = as_intervals(recording.gaps)
        self.events = recording.events
        self.repairs = recording.repairs
        self._eeg_uv = recording.eeg_uv

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Read microvolts `(channels, last - first)` of samples `[first, last)`."""
        return self._eeg_uv[:, first:last].astype(np.float32, copy=True)


def recording_of(blocks: RecordingBlocks) -> Recording:
    """Read all of a recording into memory."""
    return Recording(
        eeg_uv=blocks.read(0, blocks.n_samples),
        rate_hz=blocks.rate_hz,
        labels=blocks.labels,
        start=blocks.start,
        gaps=blocks.gaps,
        events=blocks.events,
        repairs=blocks.repairs,
    )
