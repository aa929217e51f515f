"""Live detection: chunks of EEG in, probability and events out while they happen.

chunk -> ChunkValidator -> LivePreparation -> LiveWindows -> LiveTrace -> StreamUpdate
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from numpy.typing import ArrayLike

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.events.event import Event
from brainbrr.inference.annotator import Annotator
from brainbrr.signal.window_eeg import Backend
from brainbrr.streaming.chunks import ChunkValidator, recorded_parts
from brainbrr.streaming.event_tracker import EventTracker
from brainbrr.streaming.live_evidence import LiveEvidence
from brainbrr.streaming.live_preparation import LivePreparation, PreparedChunk
from brainbrr.streaming.live_trace import LiveTrace, SegmentUpdate, TracePart
from brainbrr.streaming.live_windows import LiveWindows, RunningScale

State = Literal["waiting", "no signal", "background", "seizure"]


@dataclass(frozen=True)
class StreamUpdate:
    """What became known with a chunk. All times are seconds on the stream's clock.

    Attributes:
        time_s: end of what has arrived.
        scored_s: end of the newest window that was scored.
        state: `waiting` for a first window, `no signal` if no electrode is usable, `seizure` while
            a suspected event reaches the newest window's end, otherwise `background`.
        fixed: parts of the trace that no later window changes, in order, each after the last.
        provisional: what follows the fixed trace, up to `scored_s`; None if nothing was scored.
        events: events that are certain since this chunk and will not change.
        suspected: events there would be if the stream ended now; they may change.
        n_electrodes: electrodes that are usable in the newest window.
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
    """A detector on a signal that is still arriving; `open_stream` makes one.

    The preparation differs from a recording's in what it knows of the future: the filter looks a
    few seconds ahead instead of to the end, mains are found in the first 30 s, bad channels and
    scale are judged over what has arrived. Windows, stitching and detection are those of a
    recording. How the signal is cut into chunks changes no number. Gaps end a run: windows,
    filters and events never cross one.

    Memory is bounded: a window of prepared signal, an epoch of raw signal (30 s until the mains
    are known) and the counts of `RunningScale`, plus the chunk itself.

    Args:
        labels: one per channel, in any montage that determines enough electrodes.
        rate_hz: samples per second.
        unit: of the values: V, mV, uV or nV.
        preparation, windowing, detection: the detector's.
        backend: its network.
        calibration: what an event's probability is worth.
        hop_s: seconds between windows; the detector's stride if None.
        settle_s: seconds before the newest window's end at which the trace is fixed. None is a
            window's length: every window that covers a moment is awaited, including the one that
            ends with the signal, as in a recording. 0 fixes the trace with the first window.
        jitter_s: how far the times of chunks may stray before they mean a gap.
        evidence: name the contributing electrodes, for 20 windows per event; see `LiveEvidence`.

    Raises:
        MissingElectrodes, UnsupportedRate, UnitNotVoltage, InvalidOption: before the first sample.
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
        backend: Backend,
        calibration: Calibration = Calibration(),  # noqa: B008  frozen
        hop_s: float | None = None,
        settle_s: float | None = None,
        jitter_s: float = 0.1,
        evidence: bool = False,
    ) -> None:
        self._validator = ChunkValidator(labels, rate_hz, unit)
        self._windowing = replace(
            windowing, stride_s=windowing.stride_s if hop_s is None else hop_s
        )
        self._settle_s = self._checked_settling(settle_s)
        self._detection, self._backend, self._jitter_s = detection, backend, jitter_s
        self._calibration = calibration
        self._evidence = evidence
        self._preparation = LivePreparation(labels, rate_hz, preparation)
        self._scale = RunningScale()
        self._run: LiveTrace | None = None
        self._run_onset_s = 0.0
        self._n_in = 0
        self._next_time_s: float | None = None
        self._last: SegmentUpdate | None = None
        self._ended = False

    @property
    def time_s(self) -> float:
        """End of what has arrived, gaps included, on a clock that begins at the first sample."""
        return self._run_onset_s + self._n_in / self._validator.rate_hz

    @property
    def look_latency_s(self) -> float:
        """Longest delay in seconds until a moment is in a provisional trace.

        At the beginning it is `settling_s` longer: nothing is scored before the mains are known.
        """
        return self._preparation.latency_s + self._windowing.stride_s

    @property
    def settling_s(self) -> float:
        """Seconds at the beginning in which nothing is scored."""
        return self._preparation.settling_s

    @property
    def trace_latency_s(self) -> float:
        """Longest delay in seconds until the trace at a moment is fixed.

        At least a window, because the trace of a run begins with a first full one.
        """
        windowing = self._windowing
        wait_s = max(self._settle_s + windowing.stride_s, windowing.window_s)
        return self._preparation.latency_s + wait_s + 1.0 / windowing.trace_rate_hz

    @property
    def event_latency_s(self) -> float:
        """Longest delay in seconds from an event's end until the event is certain."""
        detection = self._detection
        return self.trace_latency_s + detection.smoothing_s / 2 + detection.merge_gap_s

    def push(
        self, chunk: ArrayLike, *, time_s: float | None = None, rate_hz: float | None = None
    ) -> StreamUpdate:
        """Take in the next chunk `(channels, samples)`, of any length.

        Samples at which every channel is NaN were not recorded: a gap.

        Args:
            chunk: values in the stream's unit.
            time_s: when its first sample was taken, on any clock in seconds; if it is later than
                the end of the previous chunk, the time between is a gap.
            rate_hz: the source's current rate.

        Raises:
            InvalidInput, NotFinite: the chunk is refused and the stream unchanged.
            ImplausibleAmplitude: the first good epochs are not EEG; the stream is unusable.
        """
        self._refuse_ended()
        eeg_uv = self._validator.check(chunk, rate_hz)
        gap_s = self._gap_before(time_s)
        updates = self._break(gap_s) if gap_s > 0 else []
        if time_s is not None:
            self._next_time_s = time_s
        if self._next_time_s is not None:
            self._next_time_s += eeg_uv.shape[1] / self._validator.rate_hz
        for recorded, part in recorded_parts(eeg_uv):
            if recorded:
                self._n_in += part.shape[1]
                updates += self._live(self._preparation.push(part))
            else:
                updates += self._break(part.shape[1] / self._validator.rate_hz)
        return self._update(updates)

    def gap(self, seconds: float) -> StreamUpdate:
        """Note that nothing was recorded for a while, and settle what came before.

        Raises:
            InvalidInput: not longer than 0 s, or the stream is finished.
        """
        self._refuse_ended()
        if not (math.isfinite(seconds) and seconds > 0):
            raise InvalidInput("a gap longer than 0 s", f"{seconds} s", "Push the next chunk.")
        if self._next_time_s is not None:
            self._next_time_s += seconds
        return self._update(self._break(seconds))

    def finish(self) -> StreamUpdate:
        """Score the last window; return the rest of the trace and the last events."""
        self._refuse_ended()
        updates = self._break(0.0)
        self._ended = True
        return self._update(updates)

    def _checked_settling(self, settle_s: float | None) -> float:
        longest_s = self._windowing.window_s
        if settle_s is not None and not 0 <= settle_s <= longest_s:
            raise InvalidOption(
                f"settle_s from 0 to {longest_s:g}, the window",
                f"{settle_s:g}",
                "Leave it out to average every window, as in a recording.",
            )
        return longest_s if settle_s is None else settle_s

    def _refuse_ended(self) -> None:
        if self._ended:
            raise InvalidInput("the stream is already finished", "Open a new one.")

    def _gap_before(self, time_s: float | None) -> float:
        """Return the seconds missing before a chunk that begins at `time_s`."""
        if time_s is None or self._next_time_s is None:
            return 0.0
        missing_s = time_s - self._next_time_s
        if not missing_s >= -self._jitter_s:
            raise InvalidInput(
                f"a chunk that begins at {self._next_time_s:.3f} s or later",
                f"{time_s:.3f} s",
                "Push chunks in order, once each; check the rate if every one is too early.",
            )
        return missing_s if missing_s > self._jitter_s else 0.0

    def _break(self, gap_s: float) -> list[SegmentUpdate]:
        """End the run, if there is one; the next begins `gap_s` later."""
        updates = self._live(self._preparation.end_run())
        if self._run is not None:
            updates.append(self._run.finish())
        self._run_onset_s, self._n_in, self._run = self.time_s + gap_s, 0, None
        return updates

    def _live(self, chunks: Iterable[PreparedChunk]) -> list[SegmentUpdate]:
        updates = []
        for chunk in chunks:
            self._run = self._run or self._new_run()
            updates += self._run.push(chunk)
        return updates

    def _new_run(self) -> LiveTrace:
        windowing, onset_s = self._windowing, self._run_onset_s
        settle = round(self._settle_s * windowing.rate_hz)
        return LiveTrace(
            LiveWindows(windowing, settle, self._backend, self._scale),
            EventTracker(self._detection, windowing.trace_rate_hz, onset_s),
            rate_hz=windowing.rate_hz,
            trace_rate_hz=windowing.trace_rate_hz,
            onset_s=onset_s,
            evidence=LiveEvidence(self._backend, windowing, onset_s) if self._evidence else None,
        )

    def _update(self, updates: Sequence[SegmentUpdate]) -> StreamUpdate:
        last = self._last = updates[-1] if updates else self._last
        return StreamUpdate(
            time_s=self.time_s,
            scored_s=last.scored_s if last else 0.0,
            state=self._state(last),
            fixed=tuple(each.fixed for each in updates if each.fixed.probability.size),
            provisional=last.provisional if updates and last else None,
            events=self._calibration.calibrated(e for each in updates for e in each.events),
            suspected=self._calibration.calibrated(last.suspected) if last else (),
            n_electrodes=last.n_electrodes if last else 0,
            ended=self._ended,
        )

    def _state(self, last: SegmentUpdate | None) -> State:
        if last is None or self._run is None:
            return "waiting"
        if last.n_electrodes == 0:
            return "no signal"
        since_s = last.scored_s - self._detection.merge_gap_s
        seizing = any(event.offset_s >= since_s for event in last.suspected)
        return "seizure" if seizing else "background"


def open_stream(
    detector: Annotator,
    labels: Sequence[str],
    rate_hz: float,
    *,
    unit: str = "uV",
    hop_s: float | None = None,
    settle_s: float | None = None,
    mains: float | str | None = "auto",
    evidence: bool = False,
) -> DetectorStream:
    """Open a stream that gives the detector's probability and events while the signal arrives.

    Args:
        detector: a released detector, in any form.
        labels, rate_hz, unit, hop_s, settle_s: see `DetectorStream`.
        mains: a frequency in Hz, None for no notch, or `auto` for the detector's preparation, found
            in the first 30 s if that is `auto` too.
        evidence: name each event's electrodes, as `annotate` does; costs 20 windows per event, all
            of them with one chunk.

    Raises:
        MissingElectrodes, UnsupportedRate, UnitNotVoltage, InvalidOption: before the first sample.
    """
    preparation = detector.preparation
    return DetectorStream(
        labels,
        rate_hz,
        unit=unit,
        preparation=preparation if mains == "auto" else replace(preparation, mains=mains),
        windowing=detector.windowing,
        detection=detector.detection,
        calibration=detector.calibration,
        backend=detector.backend,
        hop_s=hop_s,
        settle_s=settle_s,
        evidence=evidence,
    )
