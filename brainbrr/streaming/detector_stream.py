"""A detector that listens: chunks of EEG in, probability and events out while they happen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from numpy.typing import ArrayLike

from brainbrr.errors import BrainbrrError
from brainbrr.events.calibration import Calibration
from brainbrr.events.event import Event
from brainbrr.streaming.chunks import (
    ChunkDoor,
    ClockRanBack,
    InvalidGap,
    StreamEnded,
    recorded_parts,
)
from brainbrr.streaming.event_tracker import EventTracker
from brainbrr.streaming.live_evidence import LiveEvidence
from brainbrr.streaming.live_preparation import LivePreparation
from brainbrr.streaming.live_trace import LiveTrace, Sight, TracePart
from brainbrr.streaming.live_windows import LiveWindows, ScoreWindow
from brainbrr.streaming.running_scale import RunningScale

if TYPE_CHECKING:
    from brainbrr.data.preparation.preparation import Preparation
    from brainbrr.data.windows.index import Windowing
    from brainbrr.events.detection import Detection
    from brainbrr.streaming.live_run import Piece

State = Literal["waiting", "no signal", "background", "seizure"]


class UnsettledTrace(BrainbrrError):
    """A settling time that the windows of the stream cannot keep."""


@dataclass(frozen=True)
class StreamUpdate:
    """What became known with a chunk. All times are seconds on the stream's clock.

    Attributes:
        time_s: end of what has arrived.
        scored_s: end of the newest window that was scored.
        state: `waiting` for a first window, `no signal` where no electrode can be believed,
            `seizure` while a suspected event reaches the newest window's end, else `background`.
        fixed: parts of the trace that no later window changes, in order, each behind the last.
        provisional: what follows the fixed trace, up to `scored_s`; None where nothing was scored.
        events: events that are certain since this chunk; nothing takes them back.
        suspected: events there would be if the stream ended now, still apt to change.
        n_electrodes: electrodes that could be believed in the newest window.
        ended: whether the stream is finished.
    """

    time_s: float
    scored_s: float
    state: State
    fixed: tuple[TracePart, ...]
    provisional: TracePart | None
    events: tuple[Event, ...]
    suspected: tuple[Event, ...]
    n_electrodes: int
    ended: bool


class DetectorStream:
    """A detector on a signal that is still arriving; `Detector.stream` opens one.

    The preparation differs from a recording's in what the future holds: the filter looks a few
    seconds ahead instead of to the end, mains are found in the first 30 s, bad channels and scale
    are judged over what has come so far. Windows, stitching and detection are those of a
    recording. How the signal is cut into chunks changes no number. Gaps end a run: windows,
    filters and events never cross one.

    Memory is bounded: a window of prepared signal, an epoch of raw signal (30 s until the mains
    are known) and the counts of `RunningScale`, plus the chunk itself.

    Args:
        labels: one a channel, in any montage that determines enough electrodes.
        rate_hz: samples a second.
        unit: of the values: V, mV, uV or nV.
        preparation, windowing, detection: the detector's.
        score: its network, for one window.
        trace_rate_hz: values a second of the trace.
        calibration: what an event's probability is worth.
        hop_s: seconds between windows; the detector's stride where None.
        settle_s: seconds behind the newest window's end at which the trace is fixed. None is a
            window's length: every window that covers a moment is awaited, also the one that ends
            with the signal, as in a recording. 0 fixes the trace at first sight.
        jitter_s: how far the times of chunks may stray before they mean a gap.
        evidence: name the electrodes that mattered, for 20 windows an event; see `LiveEvidence`.

    Raises:
        MissingElectrodes, UnsupportedRate, UnitNotVoltage, InvalidWindowing, UnsettledTrace: what
            cannot work, told before the first sample.
    """

    def __init__(
        self,
        labels: Sequence[str],
        rate_hz: float,
        *,
        unit: str,
        preparation: Preparation,
        windowing: Windowing,
        detection: Detection,
        score: ScoreWindow,
        trace_rate_hz: float,
        calibration: Calibration = Calibration(),  # noqa: B008  frozen
        hop_s: float | None = None,
        settle_s: float | None = None,
        jitter_s: float = 0.1,
        evidence: bool = False,
    ) -> None:
        self._door = ChunkDoor(labels, rate_hz, unit)
        self._windowing = replace(
            windowing, stride_s=windowing.stride_s if hop_s is None else hop_s
        )
        self._settle_s = self._checked_settling(settle_s)
        self._detection, self._score, self._jitter_s = detection, score, jitter_s
        self._trace_rate_hz, self._calibration = trace_rate_hz, calibration
        self._evidence = evidence
        self._preparation = LivePreparation(labels, rate_hz, preparation)
        self._scale = RunningScale()
        self._run: LiveTrace | None = None
        self._run_onset_s = 0.0
        self._n_in = 0
        self._next_time_s: float | None = None
        self._last: Sight | None = None
        self._ended = False

    @property
    def time_s(self) -> float:
        """End of what has arrived, gaps included, on a clock that begins at the first sample."""
        return self._run_onset_s + self._n_in / self._door.rate_hz

    @property
    def look_latency_s(self) -> float:
        """Seconds by which a moment is in a provisional trace at the latest.

        At the beginning it takes `settling_s` longer: nothing is scored before the mains are known.
        """
        return self._preparation.latency_s + self._windowing.stride_s

    @property
    def settling_s(self) -> float:
        """Seconds at the beginning in which nothing is scored."""
        return self._preparation.settling_s

    @property
    def trace_latency_s(self) -> float:
        """Seconds by which the trace at a moment is fixed at the latest.

        No less than a window, because the trace of a run begins with a first whole one.
        """
        windowing = self._windowing
        wait_s = max(self._settle_s + windowing.stride_s, windowing.window_s)
        return self._preparation.latency_s + wait_s + 1.0 / self._trace_rate_hz

    @property
    def event_latency_s(self) -> float:
        """Seconds after an event's end by which the event is certain at the latest."""
        detection = self._detection
        return self.trace_latency_s + detection.smoothing_s / 2 + detection.merge_gap_s

    def push(
        self, chunk: ArrayLike, *, time_s: float | None = None, rate_hz: float | None = None
    ) -> StreamUpdate:
        """The next chunk `(channels, samples)`, of any length.

        Samples at which every channel is NaN were not recorded: a gap.

        Args:
            chunk: values in the stream's unit.
            time_s: when its first sample was taken, on any clock in seconds; where it is later
                than the chunk before leads to expect, the time between is a gap.
            rate_hz: the rate the source claims now.

        Raises:
            WrongChannels, RateChanged, NotFinite, ClockRanBack, StreamEnded: the chunk is refused
                and the stream as it was.
            ImplausibleAmplitude: the first good epochs are no EEG; the stream is of no use.
        """
        self._refuse_ended()
        eeg_uv = self._door.check(chunk, rate_hz)
        gap_s = self._gap_before(time_s)
        sights = self._break(gap_s) if gap_s > 0 else []
        if time_s is not None:
            self._next_time_s = time_s
        if self._next_time_s is not None:
            self._next_time_s += eeg_uv.shape[1] / self._door.rate_hz
        for recorded, part in recorded_parts(eeg_uv):
            if recorded:
                self._n_in += part.shape[1]
                sights += self._live(self._preparation.push(part))
            else:
                sights += self._break(part.shape[1] / self._door.rate_hz)
        return self._update(sights)

    def gap(self, seconds: float) -> StreamUpdate:
        """Nothing was recorded for a while; what came before it is settled at once.

        Raises:
            InvalidGap: not longer than 0 s.
            StreamEnded: the stream is finished.
        """
        self._refuse_ended()
        if not (math.isfinite(seconds) and seconds > 0):
            raise InvalidGap("a gap longer than 0 s", f"{seconds} s", "Push the next chunk.")
        if self._next_time_s is not None:
            self._next_time_s += seconds
        return self._update(self._break(seconds))

    def finish(self) -> StreamUpdate:
        """The signal has ended: the last window, the rest of the trace, the last events."""
        self._refuse_ended()
        sights = self._break(0.0)
        self._ended = True
        return self._update(sights)

    def _checked_settling(self, settle_s: float | None) -> float:
        longest_s = self._windowing.window_s
        if settle_s is not None and not 0 <= settle_s <= longest_s:
            raise UnsettledTrace(
                f"settle_s from 0 to {longest_s:g}, the window",
                f"{settle_s:g}",
                "Leave it out to average every window, as in a recording.",
            )
        return longest_s if settle_s is None else settle_s

    def _refuse_ended(self) -> None:
        if self._ended:
            raise StreamEnded("a stream that goes on", "one that is finished", "Open another.")

    def _gap_before(self, time_s: float | None) -> float:
        """Seconds missing ahead of a chunk that begins at `time_s`."""
        if time_s is None or self._next_time_s is None:
            return 0.0
        missing_s = time_s - self._next_time_s
        if not missing_s >= -self._jitter_s:
            raise ClockRanBack(
                f"a chunk that begins at {self._next_time_s:.3f} s or later",
                f"{time_s:.3f} s",
                "Push chunks in order, once each; check the rate if every one is too early.",
            )
        return missing_s if missing_s > self._jitter_s else 0.0

    def _break(self, gap_s: float) -> list[Sight]:
        """End the run, if there is one, and let the next begin `gap_s` later."""
        sights = self._live(self._preparation.end_run())
        if self._run is not None:
            sights.append(self._run.finish())
        self._run_onset_s, self._n_in, self._run = self.time_s + gap_s, 0, None
        return sights

    def _live(self, pieces: Iterable[Piece]) -> list[Sight]:
        sights = []
        for piece in pieces:
            self._run = self._run or self._new_run()
            sights += self._run.push(piece)
        return sights

    def _new_run(self) -> LiveTrace:
        windowing, onset_s = self._windowing, self._run_onset_s
        settle = round(self._settle_s * windowing.rate_hz)
        return LiveTrace(
            LiveWindows(windowing, settle, self._score, self._scale),
            EventTracker(self._detection, self._trace_rate_hz, onset_s),
            rate_hz=windowing.rate_hz,
            trace_rate_hz=self._trace_rate_hz,
            onset_s=onset_s,
            evidence=LiveEvidence(self._score, windowing, onset_s) if self._evidence else None,
        )

    def _update(self, sights: Sequence[Sight]) -> StreamUpdate:
        last = self._last = sights[-1] if sights else self._last
        return StreamUpdate(
            time_s=self.time_s,
            scored_s=last.scored_s if last else 0.0,
            state=self._state(last),
            fixed=tuple(sight.fixed for sight in sights if sight.fixed.probability.size),
            provisional=last.provisional if sights and last else None,
            events=self._calibration.calibrated(e for sight in sights for e in sight.events),
            suspected=self._calibration.calibrated(last.suspected) if last else (),
            n_electrodes=last.n_electrodes if last else 0,
            ended=self._ended,
        )

    def _state(self, last: Sight | None) -> State:
        if last is None or self._run is None:
            return "waiting"
        if last.n_electrodes == 0:
            return "no signal"
        since_s = last.scored_s - self._detection.merge_gap_s
        seizing = any(event.offset_s >= since_s for event in last.suspected)
        return "seizure" if seizing else "background"
