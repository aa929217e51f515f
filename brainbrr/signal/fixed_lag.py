"""The filter without delay for a signal that is still arriving, with a look ahead of a few seconds.

A high-pass at 0.5 Hz that runs forwards only turns slow waves upside down, and a network that was
trained on recordings filtered both ways would not know them. The backward pass forgets what lies
further ahead, though: begun a few seconds later it gives almost the numbers of the whole.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Signal = NDArray[np.float64]


class FixedLagFilter:
    """Forwards as the signal comes, backwards from `lag` samples ahead.

    Starts and ends as if the first and last value had lasted for ever. How the signal was cut into
    blocks does not matter, how the outputs are taken does (by what the look ahead leaves out).

    Args:
        sections: second-order sections from `design_filter`.
        n_channels: rows of each block.
        lag: samples of look ahead.
    """

    def __init__(self, sections: Signal, n_channels: int, lag: int) -> None:
        self._sections, self._lag = sections, lag
        self._settled = signal.sosfilt_zi(sections)[:, None, :]
        self._state: Signal | None = None
        self._held = np.empty((n_channels, 0))

    def push(self, block: Signal) -> None:
        """The next `(channels, samples)`."""
        if block.shape[1] == 0:
            return
        if self._state is None:
            self._state = self._settled * block[None, :, :1]
        forward, self._state = signal.sosfilt(self._sections, block, axis=-1, zi=self._state)
        self._held = np.concatenate([self._held, forward], axis=1)

    def ready(self, n_samples: int, *, ended: bool) -> bool:
        """Whether so many outputs can be taken; behind an `ended` signal nothing is awaited."""
        return self._held.shape[1] >= n_samples + (0 if ended else self._lag)

    def take(self, n_samples: int) -> Signal:
        """The next outputs `(channels, n_samples)`."""
        if n_samples == 0:
            return self._held[:, :0]
        backwards = self._held[:, : n_samples + self._lag][:, ::-1]
        start = self._settled * backwards[None, :, :1]
        filtered, _ = signal.sosfilt(self._sections, backwards, axis=-1, zi=start)
        self._held = self._held[:, n_samples:].copy()
        return np.asarray(filtered[:, ::-1][:, :n_samples])
