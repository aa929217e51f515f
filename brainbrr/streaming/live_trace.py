"""One unbroken run of a stream: prepared chunks in, trace and events out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.streaming.event_tracker import EventTracker
from brainbrr.streaming.live_evidence import LiveEvidence
from brainbrr.streaming.live_preparation import PreparedChunk
from brainbrr.streaming.live_windows import LiveWindows, WindowScore

Values = NDArray[np.float32]


@dataclass(frozen=True)
class TracePart:
    """Seizure probability at the trace's rate; the first value belongs to `onset_s`."""

    onset_s: float
    probability: Values


@dataclass(frozen=True)
class SegmentUpdate:
    """What became known with one window, in seconds on the stream's clock; see `StreamUpdate`."""

    scored_s: float
    fixed: TracePart
    provisional: TracePart
    events: tuple[Event, ...]
    suspected: tuple[Event, ...]
    n_electrodes: int


class LiveTrace:
    """Windows of a run stitched, brought to the trace's rate, and searched for events.

    Args:
        windows: of this run.
        tracker: of this run.
        rate_hz: samples per second of the prepared signal.
        trace_rate_hz: values per second of the trace.
        onset_s: the run's first sample on the stream's clock.
        evidence: names the electrodes of events; None names none.
    """

    def __init__(
        self,
        windows: LiveWindows,
        tracker: EventTracker,
        *,
        rate_hz: float,
        trace_rate_hz: float,
        onset_s: float,
        evidence: LiveEvidence | None = None,
    ) -> None:
        self._windows, self._tracker, self._evidence = windows, tracker, evidence
        self._rate_hz, self._trace_rate_hz = rate_hz, trace_rate_hz
        self._onset_s = onset_s
        self._rest = np.empty(0, dtype=np.float32)
        self._n_fixed = 0

    def push(self, chunk: PreparedChunk) -> list[SegmentUpdate]:
        """Take in the next chunk; return an update for each window that it completes."""
        return [self._update(score) for score in self._windows.push(chunk)]

    def finish(self) -> SegmentUpdate:
        """End the run: everything is fixed and every event certain."""
        return self._update(self._windows.finish(), final=True)

    def _update(self, score: WindowScore, *, final: bool = False) -> SegmentUpdate:
        fixed = np.concatenate([self._rest, score.fixed])
        n_whole = fixed.size if final else fixed.size // self._n_bin * self._n_bin
        self._rest = fixed[n_whole:]
        settled = self._part(fixed[:n_whole])
        self._n_fixed += settled.probability.size
        provisional = self._part(np.concatenate([self._rest, score.provisional]))
        events: Sequence[Event] = [
            *self._tracker.push(settled.probability),
            *(self._tracker.finish() if final else []),
        ]
        suspected = [] if final else self._tracker.suspected(provisional.probability)
        if self._evidence is not None:
            events = self._evidence.named(events, suspected, self._windows)
        n_scored = self._windows.n_in if final else self._windows.n_scored
        return SegmentUpdate(
            self._onset_s + n_scored / self._rate_hz,
            settled,
            provisional,
            tuple(events),
            tuple(suspected),
            score.n_electrodes,
        )

    @property
    def _n_bin(self) -> int:
        return max(round(self._rate_hz / self._trace_rate_hz), 1)

    def _part(self, values: Values) -> TracePart:
        """Reduce values at the prepared rate to the next part of the trace."""
        onset_s = self._onset_s + self._n_fixed * self._n_bin / self._rate_hz
        if not values.size:
            return TracePart(onset_s, values)
        trace = Trace(values, self._rate_hz, as_intervals([]))
        return TracePart(onset_s, trace.reduced(self._trace_rate_hz).probability)
