"""Why a detector raised an alarm: the electrodes that mattered, and the graph before and at onset.

Method: occlusion (Zeiler and Fergus 2014). One window with the event's onset in its middle runs
once with all electrodes and once without each of them; a network knows what an absent electrode is,
so leaving one out asks it a question it understands. An electrode matters by as much as the event's
mean log-odds fall without it. The cost is 20 windows an event in any form of a detector, one more
where it has a graph to show, and no gradient's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.rollout import Rollout
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.window_model import WindowModel

if TYPE_CHECKING:
    from brainbrr.inference.detector import Annotator

NAMED_SHARE = 0.5
"""The fewest electrodes that hold this share of all importance are named."""
MAX_NAMED = 6
GRAPH_S = 10.0
"""Seconds before onset, and after it, over which the graph is averaged."""
SURE = 1e-6
"""Probabilities nearer to 0 or 1 than this count as this near: float32 resolves no better."""


@dataclass(frozen=True)
class Evidence:
    """What spoke for one event.

    Attributes:
        importance: fall of the event's mean log-odds without each electrode, `(19,)`; NaN where
            the electrode was absent anyway.
        graph_before, graph_at_onset: mean strength of the tie of each two electrodes over
            `GRAPH_S` before and after onset, `(19, 19)`; None where the detector has no graph, or
            the event begins with the recording.
    """

    importance: NDArray[np.float64]
    graph_before: NDArray[np.float32] | None = None
    graph_at_onset: NDArray[np.float32] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The electrodes that mattered most, the most important first; none where none did."""
        gain = np.where(self.importance > 0, self.importance, 0.0)
        order = np.argsort(-gain, kind="stable")
        reached = np.cumsum(gain[order])
        n_named = int(np.searchsorted(reached, NAMED_SHARE * reached[-1])) + 1
        return tuple(ELECTRODES[i] for i in order[: min(n_named, MAX_NAMED)] if gain[i] > 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values: importance by electrode, and the graphs as lists of rows."""
        return {
            "importance": {
                name: None if np.isnan(value) else round(float(value), 4)
                for name, value in zip(ELECTRODES, self.importance, strict=True)
            },
            "electrodes": list(ELECTRODES),
            "graph_before": _rows(self.graph_before),
            "graph_at_onset": _rows(self.graph_at_onset),
        }


def _rows(graph: NDArray[np.float32] | None) -> list[list[float]] | None:
    return None if graph is None else [[round(float(tie), 4) for tie in row] for row in graph]


def evidence_of(
    detector: Annotator,
    recording: PreparedEeg,
    annotation: Annotation,
    *,
    model: WindowModel | None = None,
    batch_size: int = 4,
) -> tuple[Evidence, ...]:
    """The evidence for each event of a recording, in the order of the annotation.

    Args:
        detector: any form; the graph is told by those that have one.
        recording: the EEG that the events were found in.
        model: the form that computes, the detector's own where None.
        batch_size: windows computed at once.
    """
    if not annotation.events:
        return ()
    layout = Rollout(recording, detector.windowing)
    model = model or detector.window_model
    return tuple(
        _evidence(detector, layout, event, model, batch_size) for event in annotation.events
    )


def with_channels(annotation: Annotation, evidence: Sequence[Evidence]) -> Annotation:
    """The events with the electrodes that mattered; unchanged where there is no evidence."""
    if not evidence:
        return annotation
    events = tuple(
        replace(event, channels=found.channels)
        for event, found in zip(annotation.events, evidence, strict=True)
    )
    return replace(annotation, events=events)


@dataclass(frozen=True)
class OnsetWindow:
    """The window that holds an event's onset in its middle, as far as the recording goes.

    Attributes:
        eeg: int16 `(19, length)`.
        observed: `(19,)`.
        first: sample of the recording at which it begins.
        inside: `(length,)` samples of it that belong to the event.
    """

    eeg: NDArray[np.int16]
    observed: NDArray[np.bool_]
    first: int
    inside: NDArray[np.bool_]


def onset_window(layout: Rollout, event: Event) -> OnsetWindow:
    """The window that an event's evidence is sought in; it crosses no gap of the recording."""
    rate_hz, length = layout.windowing.rate_hz, layout.windowing.length
    onset, offset = round(event.onset_s * rate_hz), round(event.offset_s * rate_hz)
    moved = layout.around(onset)
    window = layout.read(moved)
    samples = moved[0] + np.arange(length)
    inside = (samples >= onset) & (samples < offset) & (samples < moved[1])
    return OnsetWindow(window, layout.observed_at(moved), int(moved[0]), inside)


def event_log_odds(
    model: WindowModel,
    window: OnsetWindow,
    recording: PreparedEeg,
    observed: NDArray[np.bool_],
    batch_size: int,
) -> NDArray[np.float64]:
    """Mean log-odds of the event in its window, for each choice of electrodes.

    Args:
        observed: `(choices, 19)`, which electrodes the network may see.

    Returns:
        `(choices,)`.
    """
    parts: list[NDArray[np.float64]] = []
    center_uv = np.asarray(recording.center_uv, dtype=np.float32)[None]
    scale_uv = np.asarray(recording.scale_uv, dtype=np.float32)[None]
    for first in range(0, len(observed), batch_size):
        seen = observed[first : first + batch_size]
        n = len(seen)
        probability = model(
            np.repeat(window.eeg[None], n, 0),
            seen,
            np.repeat(center_uv, n, 0),
            np.repeat(scale_uv, n, 0),
        )[:, window.inside].astype(np.float64)
        sure = np.clip(probability, SURE, 1 - SURE)
        parts.append((np.log(sure) - np.log1p(-sure)).mean(axis=1))
    return np.concatenate(parts)


def _evidence(
    detector: Annotator, layout: Rollout, event: Event, model: WindowModel, batch_size: int
) -> Evidence:
    window = onset_window(layout, event)
    present = np.flatnonzero(window.observed)
    importance = np.full(N_ELECTRODES, np.nan)
    if len(present) > 1 and window.inside.any():
        without = np.repeat(window.observed[None], len(present) + 1, 0)
        without[np.arange(1, len(present) + 1), present] = False
        odds = event_log_odds(model, window, layout.prepared, without, batch_size)
        importance[present] = odds[0] - odds[1:]
    onset = round(event.onset_s * layout.windowing.rate_hz) - window.first
    before, at_onset = _graphs(detector, layout, window, onset)
    return Evidence(importance, before, at_onset)


def _graphs(
    detector: Annotator, layout: Rollout, window: OnsetWindow, onset: int
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """The mean graph before and at onset, where the detector has a graph."""
    if not window.observed.any():
        return None, None
    adjacency = detector.adjacency(
        window.eeg, window.observed, layout.prepared.center_uv, layout.prepared.scale_uv
    )
    if adjacency is None:
        return None, None
    samples_per_frame = len(window.inside) / len(adjacency)
    frame, span = (
        round(samples / samples_per_frame)
        for samples in (onset, GRAPH_S * layout.windowing.rate_hz)
    )
    before = adjacency[max(frame - span, 0) : frame]
    at_onset = adjacency[frame : frame + span]
    return (
        before.mean(0) if len(before) else None,
        at_onset.mean(0) if len(at_onset) else None,
    )
