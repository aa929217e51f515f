"""From a probability trace to events: smoothing, hysteresis, merging, minimum duration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import complement, from_mask, intersect, merge
from brainbrr.events.trace import Trace

_ABOVE_NOTHING = float(np.finfo(np.float32).tiny)


class ThresholdsOutOfOrder(BrainbrrError):
    """Detection parameters that contradict one another."""


@dataclass(frozen=True)
class Detection:
    """How a trace becomes events.

    Attributes:
        on: an event begins where the smoothed probability reaches this value.
        off: and extends both ways while it stays at or above this one (`off <= on`).
        smoothing_s: width of the centred moving average, in seconds; 0 for none.
        merge_gap_s: events closer than this become one.
        min_duration_s: shorter events are dropped, after merging.
    """

    on: float = 0.5
    off: float = 0.4
    smoothing_s: float = 2.0
    merge_gap_s: float = 5.0
    min_duration_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.off <= self.on <= 1.0:
            raise ThresholdsOutOfOrder(
                "0 <= detect.off <= detect.on <= 1",
                f"off {self.off}, on {self.on}",
                "Lower detect.off or raise detect.on.",
            )
        if min(self.smoothing_s, self.merge_gap_s, self.min_duration_s) < 0:
            raise ThresholdsOutOfOrder(
                "durations of 0 s or more", f"{self}", "Use 0 to switch a step off."
            )


def smooth(probability: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Centred moving average over `width` samples; at the ends the average runs over what there
    is."""
    width = min(width | 1, 2 * len(probability) - 1)
    if width <= 1:
        return probability
    total = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    centre = np.arange(len(probability))
    low = np.maximum(centre - width // 2, 0)
    high = np.minimum(centre + width // 2 + 1, len(probability))
    average = (total[high] - total[low]) / (high - low)
    return np.clip(average, 0.0, 1.0).astype(np.float32)


def detect(trace: Trace, detection: Detection) -> Annotation:
    """Seizure events of a trace by hysteresis.

    An event is a run at or above `off` that somewhere reaches `on`; runs never cross a gap of the
    recording.
    Each event's confidence is the mean smoothed probability inside it.

    Returns:
        an annotation of the trace's whole duration, its events of type `sz`.
    """
    level = smooth(trace.probability, round(detection.smoothing_s * trace.rate_hz))
    recorded = complement(trace.gaps, 0.0, trace.duration_s)
    candidates = intersect(
        from_mask(level >= max(detection.off, _ABOVE_NOTHING), trace.rate_hz), recorded
    )
    reaching = np.concatenate([[0], np.cumsum(level >= detection.on)])
    first, last = np.rint(candidates * trace.rate_hz).astype(np.int64).T
    runs = candidates[reaching[last] > reaching[first]]
    runs = intersect(merge(runs, detection.merge_gap_s), recorded)
    runs = runs[runs[:, 1] - runs[:, 0] >= detection.min_duration_s]
    total = np.concatenate([[0.0], np.cumsum(level, dtype=np.float64)])
    events = []
    for onset_s, offset_s in runs:
        first_sample, last_sample = round(onset_s * trace.rate_hz), round(offset_s * trace.rate_hz)
        mean = (total[last_sample] - total[first_sample]) / max(last_sample - first_sample, 1)
        events.append(
            Event(
                float(onset_s), float(offset_s - onset_s), confidence=float(np.clip(mean, 0.0, 1.0))
            )
        )
    return Annotation(tuple(events), trace.duration_s, trace.start)
