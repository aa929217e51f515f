"""Why a detector raised an alarm: the contributing electrodes, and the graph before and at onset.

Method: occlusion (Zeiler and Fergus 2014). One window with the event's onset in its middle runs
once with all electrodes and once without each of them; the network was trained with absent
electrodes, so occlusion stays in distribution. An electrode's importance is the fall of the event's
mean log-odds without it. The cost is 20 windows per event in any form of a detector, one more if it
has a graph to show, and no memory for gradients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.inference.rollout import RecordingWindows, checked
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.window_eeg import Backend, WindowEeg

Adjacency = Callable[[WindowEeg], NDArray[np.float32] | None]
"""One window to its graph, `(frames, 19, 19)`, or None if the detector has no graph."""

NAMED_FRACTION = 0.5
"""The fewest electrodes that hold this fraction of all importance are named."""
MAX_NAMED = 6
GRAPH_S = 10.0
"""Seconds before onset, and after it, over which the graph is averaged."""
SURE = 1e-6
"""Probabilities nearer to 0 or 1 than this count as this near: float32 resolves no better."""


@dataclass(frozen=True)
class Evidence:
    """What an event was found on.

    Attributes:
        importance: fall of the event's mean log-odds without each electrode, `(19,)`; NaN where
            the electrode was absent anyway.
        graph_before, graph_at_onset: mean edge weight of each two electrodes over `GRAPH_S` before
            and after onset, `(19, 19)`; None if the detector has no graph, or the event begins with
            the recording.
    """

    importance: NDArray[np.float64]
    graph_before: NDArray[np.float32] | None = None
    graph_at_onset: NDArray[np.float32] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The electrodes that contributed most, the most important first; empty if none did."""
        gain = np.where(self.importance > 0, self.importance, 0.0)
        order = np.argsort(-gain, kind="stable")
        reached = np.cumsum(gain[order])
        n_named = int(np.searchsorted(reached, NAMED_FRACTION * reached[-1])) + 1
        return tuple(ELECTRODES[i] for i in order[: min(n_named, MAX_NAMED)] if gain[i] > 0)

    def to_json(self) -> dict[str, Any]:
        """Return plain values: importance by electrode, and the graphs as lists of rows."""
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
    return None if graph is None else [[round(float(edge), 4) for edge in row] for row in graph]


def with_channels(annotation: Annotation, evidence: Sequence[Evidence]) -> Annotation:
    """Name each event's contributing electrodes; without evidence the events stay as they are."""
    if not evidence:
        return annotation
    events = tuple(
        replace(event, channels=reasons.channels)
        for event, reasons in zip(annotation.events, evidence, strict=True)
    )
    return replace(annotation, events=events)


@dataclass(frozen=True)
class OnsetWindow:
    """The window that holds an event's onset in its middle, as far as the recording goes.

    Attributes:
        window: its EEG.
        first: sample of the recording at which it begins.
        inside: `(length,)` samples of it that belong to the event.
    """

    window: WindowEeg
    first: int
    inside: NDArray[np.bool_]


def onset_window(recording: RecordingWindows, event: Event) -> OnsetWindow:
    """Read the window that an event's evidence is sought in; it crosses no gap of the recording."""
    rate_hz, length = recording.windowing.rate_hz, recording.windowing.length
    onset, offset = round(event.onset_s * rate_hz), round(event.offset_s * rate_hz)
    span = recording.around(onset)
    samples = span[0] + np.arange(length)
    inside = (samples >= onset) & (samples < offset) & (samples < span[1])
    return OnsetWindow(recording.read(span), int(span[0]), inside)


def event_log_odds(
    backend: Backend,
    window: WindowEeg,
    inside: NDArray[np.bool_],
    observed: NDArray[np.bool_],
    batch_size: int,
) -> NDArray[np.float64]:
    """Compute the mean log-odds of an event in its window, for each choice of electrodes.

    Args:
        inside: `(samples,)`, which samples belong to the event.
        observed: `(choices, 19)`, which electrodes the network may see.

    Returns:
        `(choices,)`.

    Raises:
        NonFiniteOutput: the network gave NaN or infinity.
    """
    parts: list[NDArray[np.float64]] = []
    for first in range(0, len(observed), batch_size):
        chosen = observed[first : first + batch_size]
        batch = window.repeated(len(chosen))._replace(observed=chosen)
        output = checked(backend(batch), lambda _: "the window of an event's evidence")
        probability = np.clip(output[:, inside].astype(np.float64), SURE, 1 - SURE)
        parts.append((np.log(probability) - np.log1p(-probability)).mean(axis=1))
    return np.concatenate(parts)


def electrode_importance(
    backend: Backend, window: WindowEeg, inside: NDArray[np.bool_], batch_size: int
) -> NDArray[np.float64]:
    """Compute how far an event's mean log-odds fall without each electrode, `(19,)`.

    Returns:
        NaN for electrodes that are absent anyway, and for all if there is nothing to compare.
    """
    importance = np.full(N_ELECTRODES, np.nan)
    present = np.flatnonzero(window.observed)
    if len(present) > 1 and inside.any():
        choices = np.repeat(window.observed[None], len(present) + 1, 0)
        choices[np.arange(1, len(present) + 1), present] = False
        odds = event_log_odds(backend, window, inside, choices, batch_size)
        importance[present] = odds[0] - odds[1:]
    return importance


def event_evidence(
    recording: RecordingWindows,
    event: Event,
    backend: Backend,
    adjacency: Adjacency,
    batch_size: int,
) -> Evidence:
    """Compute the evidence for one event of a recording."""
    onset = onset_window(recording, event)
    importance = electrode_importance(backend, onset.window, onset.inside, batch_size)
    graph = adjacency(onset.window) if onset.window.observed.any() else None
    if graph is None:
        return Evidence(importance)
    samples_per_frame = len(onset.inside) / len(graph)
    rate_hz = recording.windowing.rate_hz
    frame = round((round(event.onset_s * rate_hz) - onset.first) / samples_per_frame)
    n_frames = round(GRAPH_S * rate_hz / samples_per_frame)
    before, at_onset = graph[max(frame - n_frames, 0) : frame], graph[frame : frame + n_frames]
    return Evidence(
        importance,
        before.mean(0) if len(before) else None,
        at_onset.mean(0) if len(at_onset) else None,
    )


def graph_during(
    recording: RecordingWindows, onset_s: float, offset_s: float, adjacency: Adjacency
) -> NDArray[np.float32] | None:
    """Return the mean weights `(19, 19)` of the electrode graph during an event.

    They are those of one window with the event in its middle, or, if the event is longer, with its
    onset in the first quarter.

    Returns:
        None if the detector has no graph, or no electrode is usable in the window.
    """
    windowing, n_samples = recording.windowing, recording.prepared.eeg.shape[1]
    onset, offset = (round(edge * windowing.rate_hz) for edge in (onset_s, offset_s))
    length = windowing.length
    lead = max((length - (offset - onset)) // 2, length // 4)
    start = int(np.clip(onset - lead, 0, max(n_samples - length, 0)))
    window = recording.read(np.array([start, min(start + length, n_samples)]))
    frames = adjacency(window) if window.observed.any() else None
    if frames is None:
        return None
    per_sample = len(frames) / length
    first = min(int((onset - start) * per_sample), len(frames) - 1)
    last = max(int(np.ceil((offset - start) * per_sample)), first + 1)
    graph: NDArray[np.float32] = frames[first:last].mean(0)
    return graph
