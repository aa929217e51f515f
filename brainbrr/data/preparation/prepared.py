"""What is known of a prepared recording."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.event import Event


@dataclass(frozen=True)
class PreparedHeader:
    """What is known of a prepared recording; only `events` holds free text of the source file.

    Attributes:
        rate_hz: samples a second of the prepared signal.
        n_samples: its length on the clock, gaps included.
        observed: `(19,)` recorded or interpolated (True), or absent (False; its row is 0 and must
            be masked).
        interpolated: electrodes interpolated from their neighbours.
        reference: what the source was recorded against.
        parts: sets of electrodes between which the source says nothing; one set where all is
            determined.
        mains_hz: mains frequency that was notched, or None.
        gaps: `((onset_s, offset_s), ...)` without signal.
        bad_spans: `((electrode, onset_s, offset_s, reason), ...)`; reasons are flat, saturated,
            disconnected, mains.
        center_uv, scale_uv: `(19,)` median and normalised interquartile range of each electrode.
        source_rate_hz: samples a second of the source.
        source_labels: labels of the channels that were used.
        start: date and time of the first sample, or None.
        events: annotations of the source file, their text as the type; for reading labels, never to
            be written as they are.
        repairs: what had to be mended to read the file.
    """

    rate_hz: float
    n_samples: int
    observed: NDArray[np.bool_]
    interpolated: tuple[str, ...]
    reference: str
    parts: tuple[tuple[str, ...], ...]
    mains_hz: float | None
    gaps: tuple[tuple[float, float], ...]
    bad_spans: tuple[tuple[str, float, float, str], ...]
    center_uv: NDArray[np.float32]
    scale_uv: NDArray[np.float32]
    source_rate_hz: float
    source_labels: tuple[str, ...]
    start: datetime | None
    events: tuple[Event, ...]
    repairs: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Length on the clock in seconds, gaps included."""
        return self.n_samples / self.rate_hz
