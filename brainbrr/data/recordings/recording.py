"""A recording as its file gives it: microvolts at the native rate, under the file's own labels."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals


class InvalidRecording(BrainbrrError):
    """A recording whose parts do not fit together."""


@dataclass(frozen=True)
class Recording:
    """EEG on the clock: sample `i` was taken `i / rate_hz` seconds after `start`, also behind a
    gap.

    Attributes:
        eeg_uv: float32 microvolts, shape `(channels, samples)`; zero inside gaps.
        rate_hz: samples a second.
        labels: one name a channel, as the file spells it.
        start: date and time of the first sample, or None.
        gaps: `(n, 2)` stretches in seconds in which nothing was recorded (EDF+D).
        events: annotations that the file itself carries, their text in `event_type`; never written
            anywhere as they are.
        repairs: what had to be mended to read the file, in plain words.
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
            raise InvalidRecording(
                "one label a channel and a positive rate",
                f"signal {self.eeg_uv.shape}, {len(self.labels)} labels, {self.rate_hz} Hz",
                "Build the recording with read_recording.",
            )
        object.__setattr__(self, "gaps", as_intervals(self.gaps))

    @property
    def duration_s(self) -> float:
        """Length on the clock in seconds, gaps included."""
        return self.eeg_uv.shape[1] / self.rate_hz
