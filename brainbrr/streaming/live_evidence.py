"""The electrodes that mattered for an event that is still arriving.

As `brainbrr.inference.evidence` does for a recording, but while the event's onset is still in the
newest window: when the event is certain, its signal is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing
from brainbrr.events.event import Event
from brainbrr.inference.evidence import SURE, Evidence
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.streaming.live_windows import LiveWindows, ScoreWindow


@dataclass(frozen=True)
class _Named:
    """What was found for an event, as it stood when it was looked into."""

    event: Event
    channels: tuple[str, ...]


class LiveEvidence:
    """Names the electrodes of each event of a run, for as many windows as there are electrodes and
    one more.

    An event is looked into once: when its onset has come to the middle of the newest window, or
    would leave it, or when the event is certain.

    Args:
        score: the network, for one window.
        windowing: of the stream.
        onset_s: the run's first sample on the stream's clock.
    """

    def __init__(self, score: ScoreWindow, windowing: Windowing, onset_s: float) -> None:
        self._score, self._rate_hz, self._onset_s = score, windowing.rate_hz, onset_s
        self._due_s = max(windowing.window_s / 2, windowing.stride_s)
        self._named: list[_Named] = []

    def named(
        self, certain: Sequence[Event], suspected: Sequence[Event], windows: LiveWindows
    ) -> tuple[Event, ...]:
        """The certain events with their electrodes; suspected ones are looked into in time."""
        first_s = self._onset_s + (windows.n_in - windows.n_held) / self._rate_hz
        ripe = [each for each in suspected if each.onset_s <= first_s + self._due_s]
        living = (*certain, *suspected)
        self._named = [each for each in self._named if any(_touch(each.event, e) for e in living)]
        for event in (*certain, *ripe):
            if not any(_touch(each.event, event) for each in self._named):
                self._named.append(_Named(event, self._channels(event, first_s, windows)))
        return tuple(replace(event, channels=self._of(event)) for event in certain)

    def _of(self, event: Event) -> tuple[str, ...]:
        return next(each.channels for each in self._named if _touch(each.event, event))

    def _channels(self, event: Event, first_s: float, windows: LiveWindows) -> tuple[str, ...]:
        eeg, observed, center_uv, scale_uv = windows.newest()
        times_s = first_s + np.arange(eeg.shape[1]) / self._rate_hz
        inside = (times_s >= event.onset_s) & (times_s < event.offset_s)
        importance = np.full(N_ELECTRODES, np.nan)
        present = np.flatnonzero(observed)
        if len(present) < 2 or not inside.any():
            return ()

        def log_odds(seen: NDArray[np.bool_]) -> float:
            probability = self._score(eeg, seen, center_uv, scale_uv)[inside].astype(np.float64)
            sure = np.clip(probability, SURE, 1 - SURE)
            return float((np.log(sure) - np.log1p(-sure)).mean())

        whole = log_odds(observed)
        for electrode in present:
            seen = observed.copy()
            seen[electrode] = False
            importance[electrode] = whole - log_odds(seen)
        return Evidence(importance).channels


def _touch(one: Event, other: Event) -> bool:
    return one.onset_s < other.offset_s and other.onset_s < one.offset_s
