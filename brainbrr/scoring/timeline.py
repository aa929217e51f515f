"""A corpus on one integer clock, so that each scorer runs once over all recordings.

Recordings follow one another, at least two seconds apart, on a clock of microseconds. Integers make
every comparison exact: an offset computed as `onset + duration` can differ from the same time read
from a file by one float step, and a score must not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput
from brainbrr.events.intervals import Intervals
from brainbrr.scoring.counts import Counts

TICKS_HZ = 1_000_000
# Recordings begin at even seconds: half-even rounding of local times is then the same on the common
# clock.
ALIGNMENT = 2 * TICKS_HZ

Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """Position of each recording on the common clock.

    Attributes:
        start: first tick of each recording, shape `(recordings,)`.
        stop: first tick after it.
        recorded_s: seconds with signal, by which rates are divided.
    """

    start: Ticks
    stop: Ticks
    recorded_s: NDArray[np.float64]

    @classmethod
    def of(
        cls, durations_s: Sequence[float], recorded_s: Sequence[float] | None = None
    ) -> "Timeline":
        """Place recordings of these durations one after the other.

        Args:
            recorded_s: seconds of each with signal; None if there are no gaps.

        Raises:
            InvalidInput: there is no recording.
        """
        if len(durations_s) == 0:
            raise InvalidInput("at least one recording", "none", "Check the two folders.")
        length = np.rint(np.asarray(durations_s, dtype=np.float64) * TICKS_HZ).astype(np.int64)
        occupied = (length // ALIGNMENT + 2) * ALIGNMENT
        start = np.cumsum(occupied) - occupied
        recorded = length / TICKS_HZ if recorded_s is None else np.asarray(recorded_s, float)
        return cls(start, start + length, recorded)

    @property
    def n_recordings(self) -> int:
        """Number of recordings."""
        return len(self.start)

    def place(self, intervals: Sequence[Intervals]) -> Ticks:
        """Place events of all recordings on the common clock, shape `(events, 2)`, sorted by onset.

        Each recording's events are clipped to it, empty ones dropped, overlapping and touching ones
        united.
        """
        lengths = [len(part) for part in intervals]
        recording = np.repeat(np.arange(self.n_recordings), lengths)
        flat = np.concatenate([np.reshape(part, (-1, 2)) for part in intervals])
        start, stop = self.start[recording, None], self.stop[recording, None]
        ticks = np.rint(flat * TICKS_HZ).astype(np.int64) + start
        ticks = np.clip(ticks, start, stop)
        ticks = ticks[ticks[:, 1] > ticks[:, 0]]
        ticks = ticks[np.lexsort((ticks[:, 1], ticks[:, 0]))]
        return unite(ticks)

    def recording_of(self, ticks: Ticks) -> NDArray[np.intp]:
        """Return the index of the recording that holds each event."""
        return np.searchsorted(self.start, ticks[:, 0], side="right") - 1

    def count(
        self, ticks: Ticks, weights: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Count events, or sum their weights, in each recording."""
        counted = np.bincount(self.recording_of(ticks), weights, self.n_recordings)
        return counted.astype(np.float64)

    def count_events(
        self, reference: Ticks, hit: NDArray[np.bool_], hypothesis: Ticks, false: NDArray[np.bool_]
    ) -> Counts:
        """Count seizures hit and missed, and false detections, in each recording."""
        tp = self.count(reference[hit])
        fp = self.count(hypothesis[false])
        return Counts(tp, fp, self.count(reference) - tp, self.recorded_s)

    def count_samples(
        self, reference: Ticks, truth: Ticks, hypothesis: Ticks, claim: Ticks
    ) -> Counts:
        """Count samples of seizure found, falsely detected and missed in each recording.

        Args:
            truth, claim: samples `[first, last)` of each event of `reference` and `hypothesis`.
        """
        n_true, n_claimed, tp = (
            self.count(events, n_samples.astype(np.float64))
            for events, n_samples in (
                (reference, truth[:, 1] - truth[:, 0]),
                (hypothesis, claim[:, 1] - claim[:, 0]),
                (reference, covered(truth, unite(claim[claim[:, 1] > claim[:, 0]]))),
            )
        )
        return Counts(tp, n_claimed - tp, n_true - tp, self.recorded_s)


def unite(ticks: Ticks) -> Ticks:
    """Unite overlapping and touching events; sorted in, sorted out."""
    if len(ticks) == 0:
        return ticks
    reach = np.maximum.accumulate(ticks[:, 1])
    first = np.flatnonzero(np.concatenate([[True], ticks[1:, 0] > reach[:-1]]))
    last = np.append(first[1:], len(ticks)) - 1
    return np.stack([ticks[first, 0], reach[last]], axis=1)


def covered(ticks: Ticks, united: Ticks) -> NDArray[np.int64]:
    """Count the ticks of each event inside `united` (disjoint, sorted); 0 for a reversed event."""
    if len(united) == 0:
        return np.zeros(len(ticks), dtype=np.int64)
    lengths = united[:, 1] - united[:, 0]
    before = np.cumsum(lengths) - lengths

    def filled(moment: Ticks) -> Ticks:
        index = np.searchsorted(united[:, 0], moment, side="right") - 1
        inside = np.minimum(moment - united[index, 0], lengths[index])
        return np.where(index < 0, 0, before[index] + inside)

    return np.maximum(filled(ticks[:, 1]) - filled(ticks[:, 0]), 0)
