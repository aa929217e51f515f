"""From a probability trace to events: smoothing, hysteresis, merging, minimum duration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import complement
from brainbrr.events.trace import Trace

# First sample and last sample plus one of each run, shape `(runs, 2)`.
Runs = NDArray[np.int64]


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

    on_threshold: float = 0.5
    off_threshold: float = 0.4
    smoothing_s: float = 2.0
    merge_gap_s: float = 5.0
    min_duration_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.off_threshold <= self.on_threshold <= 1.0:
            raise ThresholdsOutOfOrder(
                "0 <= detect.off_threshold <= detect.on_threshold <= 1",
                f"off {self.off_threshold}, on {self.on_threshold}",
                "Lower detect.off_threshold or raise detect.on_threshold.",
            )
        if min(self.smoothing_s, self.merge_gap_s, self.min_duration_s) < 0:
            raise ThresholdsOutOfOrder(
                "durations of 0 s or more", f"{self}", "Use 0 to switch a step off."
            )


def smooth(probability: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Centred moving average over `width` samples; at the ends, over what there is."""
    width = min(width | 1, 2 * len(probability) - 1)
    if width <= 1:
        return probability
    half = width // 2
    total = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    # Beyond the ends the sum stands still, and the width counts only what there is.
    padded = np.pad(total, (half, half), mode="edge")
    n_samples = len(probability)
    n_averaged = np.full(n_samples, width)
    for edge in (np.arange(min(half, n_samples)), np.arange(max(n_samples - half, 0), n_samples)):
        n_averaged[edge] = np.minimum(edge + half + 1, n_samples) - np.maximum(edge - half, 0)
    average = (padded[width:] - padded[:-width]) / n_averaged
    return np.clip(average, 0.0, 1.0).astype(np.float32)


def recorded_stretches(trace: Trace) -> Runs:
    """First and last-plus-one sample of each stretch that holds signal, shape `(stretches, 2)`."""
    n_samples = trace.probability.size
    recorded = complement(trace.gaps, 0.0, n_samples / trace.rate_hz)
    stretches = np.rint(recorded * trace.rate_hz).astype(np.int64)
    return stretches[stretches[:, 1] > stretches[:, 0]]


def smoothed_level(trace: Trace, smoothing_s: float) -> NDArray[np.float32]:
    """The trace after smoothing; each recorded stretch is smoothed on its own, and gaps are 0."""
    width = round(smoothing_s * trace.rate_hz)
    stretches = recorded_stretches(trace)
    if len(stretches) == 1 and stretches[0, 1] - stretches[0, 0] == trace.probability.size:
        return smooth(trace.probability, width)
    level = np.zeros_like(trace.probability)
    for first, last in stretches:
        level[first:last] = smooth(trace.probability[first:last], width)
    return level


def merge_runs(
    runs: Runs, stretch: NDArray[np.intp], gap_samples: float | NDArray[np.float64]
) -> Runs:
    """Unite runs less than `gap_samples` apart within one recorded stretch; sorted and disjoint in
    and out.

    Args:
        stretch: index of the stretch that holds each run.
        gap_samples: one number, or one for each pair of neighbours, shape `(runs - 1,)`.
    """
    if len(runs) < 2:
        return runs
    apart = (runs[1:, 0] - runs[:-1, 1] >= gap_samples) | (stretch[1:] != stretch[:-1])
    first = np.flatnonzero(np.concatenate([[True], apart]))
    last = np.append(first[1:], len(runs)) - 1
    return np.stack([runs[first, 0], runs[last, 1]], axis=1)


def detect(trace: Trace, detection: Detection) -> Annotation:
    """Seizure events of a trace by hysteresis.

    An event is a run at or above `off` that somewhere reaches `on`. Runs never cross a gap of the
    recording, nor does merging or smoothing. Each event's confidence is the mean smoothed
    probability inside it.

    Returns:
        an annotation of the trace's whole duration, its events of type `sz`.
    """
    level = smoothed_level(trace, detection.smoothing_s)
    active = level >= max(detection.off_threshold, float(np.finfo(np.float32).tiny))
    stretches = recorded_stretches(trace)
    # A gap of less than a sample still parts two runs.
    runs = np.concatenate(
        [_runs(active[first:last]) + first for first, last in stretches] or [_runs(active[:0])]
    )
    if len(runs):
        # Between two runs the level is below `off`, so the peak up to the next run is the run's
        # own.
        runs = runs[np.maximum.reduceat(level, runs[:, 0]) >= detection.on_threshold]
    stretch = np.searchsorted(stretches[:, 0], runs[:, 0], side="right") - 1
    runs = merge_runs(runs, stretch, detection.merge_gap_s * trace.rate_hz)
    runs = runs[runs[:, 1] - runs[:, 0] >= detection.min_duration_s * trace.rate_hz]
    events = tuple(
        Event(
            float(first / trace.rate_hz),
            float((last - first) / trace.rate_hz),
            confidence=float(np.mean(level[first:last], dtype=np.float64)),
        )
        for first, last in runs
    )
    return Annotation(events, trace.duration_s, trace.start)


def _runs(mask: NDArray[np.bool_]) -> Runs:
    padded = np.concatenate([[False], mask, [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)
