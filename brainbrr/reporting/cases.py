"""The events that a reader of results should look at, with the EEG around them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals, clip
from brainbrr.events.trace import Trace
from brainbrr.signal.electrodes import N_ELECTRODES

Kind = Literal["missed seizure", "false alarm", "hit", "unjudged event"]
KINDS: tuple[Kind, ...] = get_args(Kind)

ReadEeg = Callable[[str, float, float], NDArray[np.float32]]
ReadAdjacency = Callable[[str, float, float], NDArray[np.float32] | None]


@dataclass(frozen=True)
class Case:
    """One event with what is needed to judge it.

    Attributes:
        recording_id: the recording's name in the manifest.
        kind: `missed seizure` (annotated, not detected), `false alarm` (detected, not annotated),
            `hit` (both), `unjudged event` (detected in a recording without annotation).
        onset_s, duration_s: the event, in seconds since the start of the recording: the
            annotated one if it was missed, otherwise the detected one.
        event_type: HED-SCORE code.
        confidence: the detector's, 0 to 1; for a missed seizure the highest probability inside it.
        start_s: time of the excerpt's first sample.
        eeg_uv: excerpt `(19, samples)`, average reference, NaN where an electrode is absent or
            nothing was recorded; None without EEG.
        rate_hz: sampling rate of `eeg_uv`.
        probability: excerpt of the probability trace, from `start_s`; empty without a trace.
        probability_rate_hz: its sampling rate.
        truth: `(n, 2)` annotated seizures inside the excerpt, in seconds.
        detected: `(n, 2)` detected seizures inside the excerpt, in seconds.
        channels: electrodes that contributed to the detection; empty if unknown.
        adjacency: `(19, 19)` weights of the learned graph during the event, or None.
    """

    recording_id: str
    kind: Kind
    onset_s: float
    duration_s: float
    event_type: str = "sz"
    confidence: float | None = None
    start_s: float = 0.0
    eeg_uv: NDArray[np.float32] | None = None
    rate_hz: float = 256.0
    probability: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    probability_rate_hz: float = 1.0
    truth: Intervals = field(default_factory=lambda: as_intervals([]))
    detected: Intervals = field(default_factory=lambda: as_intervals([]))
    channels: tuple[str, ...] = ()
    adjacency: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        eeg_uv, graph = self.eeg_uv, self.adjacency
        if (
            self.kind not in KINDS
            or (eeg_uv is not None and (eeg_uv.ndim != 2 or len(eeg_uv) != N_ELECTRODES))
            or (graph is not None and graph.shape != (N_ELECTRODES, N_ELECTRODES))
        ):
            raise InvalidInput(
                f"a kind of {', '.join(KINDS)}, EEG (19, samples), adjacency (19, 19)",
                f"{self.kind!r}, {getattr(eeg_uv, 'shape', None)}, {getattr(graph, 'shape', None)}",
                "Build cases with select_cases.",
            )

    @property
    def offset_s(self) -> float:
        """Return the end of the event."""
        return self.onset_s + self.duration_s

    @property
    def stop_s(self) -> float:
        """Return the end of the excerpt; that of the event without EEG and probability."""
        n_eeg = 0 if self.eeg_uv is None else self.eeg_uv.shape[1]
        length_s = max(n_eeg / self.rate_hz, len(self.probability) / self.probability_rate_hz)
        return self.start_s + length_s if length_s else self.offset_s

    @property
    def uncertainty(self) -> float:
        """Return 1 if the detector was undecided (confidence 0.5 or unknown), 0 if it was sure."""
        return 1.0 if self.confidence is None else 1.0 - abs(2.0 * self.confidence - 1.0)


def select_cases(
    references: Mapping[str, Annotation],
    hypotheses: Mapping[str, Annotation],
    traces: Mapping[str, Trace],
    read_eeg: ReadEeg,
    limit: int = 8,
    *,
    margin_s: float = 10.0,
    max_excerpt_s: float = 60.0,
    read_adjacency: ReadAdjacency | None = None,
) -> list[Case]:
    """Select the events most worth a look: missed seizures, the surest false alarms, and those of
    which the detector was least sure.

    Args:
        references, hypotheses, traces: by recording; a recording without reference gives
            `unjudged event`s, one without trace no probability.
        read_eeg: `(recording_id, start_s, stop_s)` to microvolts `(19, samples)`, NaN where absent.
        limit: maximum number of events in each of the three groups.
        margin_s: shown before and after each event.
        max_excerpt_s: longer events are shown from their onset for this long.
        read_adjacency: `(recording_id, onset_s, offset_s)` to the graph `(19, 19)` of an event, or
            None.

    Returns:
        missed seizures (longest first), false alarms (surest first), then uncertain ones; no event
        twice.
    """
    candidates = list(_judged(references, hypotheses, traces))
    missed = sorted(
        (case for case in candidates if case.kind == "missed seizure"),
        key=lambda case: (-case.duration_s, case.recording_id, case.onset_s),
    )[:limit]
    alarms = sorted(
        (case for case in candidates if case.kind == "false alarm"),
        key=lambda case: (-(case.confidence or 0.0), case.recording_id, case.onset_s),
    )
    rest = sorted(
        alarms[limit:] + [case for case in candidates if case.kind in {"hit", "unjudged event"}],
        key=lambda case: (-case.uncertainty, case.recording_id, case.onset_s),
    )[:limit]
    chosen = [*missed, *alarms[:limit], *rest]
    return [
        with_excerpt(
            case,
            references,
            hypotheses,
            traces.get(case.recording_id),
            read_eeg=read_eeg,
            margin_s=margin_s,
            max_excerpt_s=max_excerpt_s,
            read_adjacency=read_adjacency,
        )
        for case in chosen
    ]


def _judged(
    references: Mapping[str, Annotation],
    hypotheses: Mapping[str, Annotation],
    traces: Mapping[str, Trace],
) -> Iterator[Case]:
    for recording_id in sorted(references.keys() | hypotheses.keys()):
        reference, hypothesis = references.get(recording_id), hypotheses.get(recording_id)
        detected = hypothesis.seizures if hypothesis else ()
        annotated = reference.seizures if reference else ()
        for event in annotated:
            if not any(_overlap(event, other) for other in detected):
                peak = _peak(traces.get(recording_id), event)
                yield _case(recording_id, "missed seizure", event, peak)
        for event in detected:
            is_hit = any(_overlap(event, other) for other in annotated)
            kind: Kind = "hit" if is_hit else "false alarm" if reference else "unjudged event"
            peak = _peak(traces.get(recording_id), event)
            yield _case(
                recording_id, kind, event, peak if event.confidence is None else event.confidence
            )


def _case(recording_id: str, kind: Kind, event: Event, confidence: float | None) -> Case:
    return Case(
        recording_id,
        kind,
        event.onset_s,
        event.duration_s,
        event.event_type,
        confidence,
        channels=event.channels,
    )


def _overlap(first: Event, second: Event) -> bool:
    return first.onset_s < second.offset_s and second.onset_s < first.offset_s


def _peak(trace: Trace | None, event: Event) -> float | None:
    if trace is None:
        return None
    inside = _cut(trace, event.onset_s, event.offset_s)
    return float(inside.max()) if inside.size else None


def _cut(trace: Trace, start_s: float, stop_s: float) -> NDArray[np.float32]:
    first, last = (max(0, round(time_s * trace.rate_hz)) for time_s in (start_s, stop_s))
    return trace.probability[first:last]


def with_excerpt(
    case: Case,
    references: Mapping[str, Annotation],
    hypotheses: Mapping[str, Annotation],
    trace: Trace | None,
    *,
    read_eeg: ReadEeg,
    margin_s: float,
    max_excerpt_s: float,
    read_adjacency: ReadAdjacency | None = None,
) -> Case:
    """Add the EEG, probability, annotation and detections around a case; see `select_cases`."""
    recording_id = case.recording_id
    known = references.get(recording_id) or hypotheses[recording_id]
    start_s = max(0.0, case.onset_s - margin_s)
    stop_s = min(known.duration_s, case.offset_s + margin_s, start_s + max_excerpt_s)
    eeg_uv = np.asarray(read_eeg(recording_id, start_s, stop_s), dtype=np.float32)

    def inside(annotations: Mapping[str, Annotation]) -> Intervals:
        annotation = annotations.get(recording_id)
        seizures = annotation.seizure_intervals if annotation else as_intervals([])
        return clip(seizures, start_s, stop_s)

    return replace(
        case,
        start_s=start_s,
        eeg_uv=eeg_uv,
        rate_hz=eeg_uv.shape[1] / (stop_s - start_s),
        probability=case.probability if trace is None else _cut(trace, start_s, stop_s),
        probability_rate_hz=1.0 if trace is None else trace.rate_hz,
        truth=inside(references),
        detected=inside(hypotheses),
        adjacency=read_adjacency(recording_id, case.onset_s, case.offset_s)
        if read_adjacency
        else None,
    )
