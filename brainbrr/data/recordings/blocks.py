"""A recording read a stretch at a time, so that a day of EEG needs no more memory than a minute."""

from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.recording import Recording
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals


class RecordingBlocks(Protocol):
    """What is known of a recording before its samples are read, and any stretch of its samples.

    The attributes are those of `Recording`; `n_samples` counts on the clock, gaps included.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """One name a channel, as the file spells it."""
        ...

    @property
    def rate_hz(self) -> float:
        """Samples a second."""
        ...

    @property
    def n_samples(self) -> int:
        """Length on the clock."""
        ...

    @property
    def start(self) -> datetime | None:
        """Date and time of the first sample, or None."""
        ...

    @property
    def gaps(self) -> Intervals:
        """`(n, 2)` stretches in seconds in which nothing was recorded."""
        ...

    @property
    def events(self) -> tuple[Event, ...]:
        """Annotations of the file, their text as the type."""
        ...

    @property
    def repairs(self) -> tuple[str, ...]:
        """What had to be mended to read the file."""
        ...

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Microvolts `(channels, last - first)` of samples `[first, last)`, zero inside gaps."""
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
        """Microvolts `(channels, last - first)` of samples `[first, last)`."""
        return self._eeg_uv[:, first:last].astype(np.float32, copy=True)


def recording_of(blocks: RecordingBlocks) -> Recording:
    """All of a recording in memory."""
    return Recording(
        eeg_uv=blocks.read(0, blocks.n_samples),
        rate_hz=blocks.rate_hz,
        labels=blocks.labels,
        start=blocks.start,
        gaps=blocks.gaps,
        events=blocks.events,
        repairs=blocks.repairs,
    )
