"""The contributing electrodes of an event that is still arriving.

As `brainbrr.inference.evidence` does for a recording, but while the event's onset is still in the
newest window: when the event is certain, its signal is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brainbrr.data.windows.index import Windowing
from brainbrr.events.event import Event
from brainbrr.inference.evidence import Evidence, electrode_importance
from brainbrr.signal.window_eeg import Backend
from brainbrr.signal.windows import read_window
from brainbrr.streaming.live_windows import LiveWindows


@dataclass(frozen=True)
class _Named:
    """The electrodes of an event, and the event as it was when they were computed."""

    event: Event
    channels: tuple[str, ...]


class LiveEvidence:
    """Names the electrodes of each event of a run, at one window per electrode and one more.

    This is done once per event: when its onset has come to the middle of the newest window, or
    would leave it, or when the event is certain.

    Args:
        backend: the network.
        windowing: of the stream.
        onset_s: the run's first sample on the stream's clock.
    """

    def __init__(self, backend: Backend, windowing: Windowing, onset_s: float) -> None:
        self._backend, self._windowing, self._onset_s = backend, windowing, onset_s
        self._due_s = max(windowing.window_s / 2, windowing.stride_s)
        self._named: list[_Named] = []

    def named(
        self, certain: Sequence[Event], suspected: Sequence[Event], windows: LiveWindows
    ) -> tuple[Event, ...]:
        """Return the certain events with their electrodes; those of suspected ones are computed
        while their onset is in the newest window."""
        first_s = self._onset_s + (windows.n_in - windows.n_held) / self._windowing.rate_hz
        due = [each for each in suspected if each.onset_s <= first_s + self._due_s]
        current = (*certain, *suspected)
        self._named = [each for each in self._named if any(_touch(each.event, e) for e in current)]
        for event in (*certain, *due):
            if not any(_touch(each.event, event) for each in self._named):
                self._named.append(_Named(event, self._channels(event, first_s, windows)))
        return tuple(replace(event, channels=self._of(event)) for event in certain)

    def _of(self, event: Event) -> tuple[str, ...]:
        return next(each.channels for each in self._named if _touch(each.event, event))

    def _channels(self, event: Event, first_s: float, windows: LiveWindows) -> tuple[str, ...]:
        window, length = windows.newest(), self._windowing.length
        eeg, recorded = read_window(window.eeg, np.array([0, windows.n_held]), length)
        times_s = first_s + np.arange(length) / self._windowing.rate_hz
        inside = recorded & (times_s >= event.onset_s) & (times_s < event.offset_s)
        # One at a time, as the stream's own windows: its memory stays that of one window.
        importance = electrode_importance(
            self._backend, window._replace(eeg=eeg), inside, batch_size=1
        )
        return Evidence(importance).channels


def _touch(one: Event, other: Event) -> bool:
    return one.onset_s < other.offset_s and other.onset_s < one.offset_s
