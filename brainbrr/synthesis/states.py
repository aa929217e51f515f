"""Vigilance over a recording: eyes open, eyes closed, drowsy, asleep."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

STATES = ("eyes_open", "eyes_closed", "drowsy", "asleep")
_DWELL_S = {
    "eyes_open": (20, 90), "eyes_closed": (20, 90), "drowsy": (30, 120), "asleep": (90, 300),
}  # fmt: skip
_NEXT = {
    "eyes_open": (0.0, 0.8, 0.2, 0.0),
    "eyes_closed": (0.6, 0.0, 0.4, 0.0),
    "drowsy": (0.3, 0.3, 0.0, 0.4),
    "asleep": (0.3, 0.0, 0.7, 0.0),
}
_TRANSITION_S = 0.8


@dataclass(frozen=True)
class Vigilance:
    """Consecutive segments of one state each.

    Attributes:
        states: a name among `STATES` per segment.
        edges_s: `(segments + 1,)`, first 0, last the recording's length.
    """

    states: tuple[str, ...]
    edges_s: NDArray[np.float64]

    def envelope(
        self, level: dict[str, float], n_samples: int, rate_hz: float
    ) -> NDArray[np.float32]:
        """Return a course `(samples,)` with `level[state]` in each segment, softly joined."""
        levels = np.array([level[state] for state in self.states])
        inner_s = self.edges_s[1:-1]
        half_s = _TRANSITION_S / 2
        at_s = np.stack([inner_s - half_s, inner_s + half_s], axis=1).ravel()
        values = np.repeat(levels, 2)[1:-1]
        if len(at_s) == 0:
            return np.full(n_samples, levels[0], dtype=np.float32)
        return np.interp(np.arange(n_samples) / rate_hz, at_s, values).astype(np.float32)

    def segments(self, *states: str) -> list[tuple[float, float]]:
        """List onset and offset in seconds of each segment in one of `states`."""
        bounds = zip(self.edges_s[:-1], self.edges_s[1:], strict=True)
        return [
            (float(on), float(off))
            for state, (on, off) in zip(self.states, bounds, strict=True)
            if state in states
        ]


def draw_vigilance(generator: Generator, duration_s: float) -> Vigilance:
    """Draw a random walk through the states that starts awake and lasts `duration_s`."""
    state = "eyes_open" if generator.random() < 0.5 else "eyes_closed"
    states, edges_s = [], [0.0]
    while edges_s[-1] < duration_s:
        states.append(state)
        edges_s.append(min(edges_s[-1] + generator.uniform(*_DWELL_S[state]), duration_s))
        state = STATES[int(generator.choice(len(STATES), p=_NEXT[state]))]
    return Vigilance(tuple(states), np.array(edges_s))
