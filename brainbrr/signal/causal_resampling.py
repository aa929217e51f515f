"""Polyphase resampling of a signal that is still arriving."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.resampling import polyphase_taps

Signal = NDArray[np.float64]

_BATCH = 512
"""Output samples computed at once, so that their inputs take a few megabytes at most."""


class CausalResampler:
    """Resample block by block, with the same numbers as `resample_span` over the whole signal.

    An output waits for the source samples that its filter reaches ahead, at most `reach` of them.
    Before its first sample and after its last the signal is mirrored through its ends, as in a
    recording. Memory: the filter's length in source samples.

    Args:
        ratio: new rate over old rate, from `rate_ratio`.
        n_channels: rows of each block.
    """

    def __init__(self, ratio: Fraction, n_channels: int) -> None:
        self._ratio = ratio
        up, down = ratio.numerator, ratio.denominator
        taps, self._delay = polyphase_taps(ratio) if ratio != 1 else (np.ones(1), 0)
        n_taps = -(-len(taps) // up)
        # Row `phase` holds the taps of the last source sample of an output, then those before it.
        self._phases = np.pad(taps, (0, n_taps * up - len(taps))).reshape(n_taps, up).T
        self.reach = self._delay * down // up
        self._buffer = np.empty((n_channels, 0))
        self._buffer_start = 0
        self._n_in = 0
        self._n_out = 0
        self._started = False

    def push(self, block: Signal) -> Signal:
        """Add a block `(channels, samples)`; return the outputs that it completes."""
        self._buffer = np.concatenate([self._buffer, block], axis=1)
        self._n_in += block.shape[1]
        if not self._started and self._n_in <= self._margin:
            return self._buffer[:, :0]
        self._start()
        return self._outputs(self._possible())

    def finish(self, n_total: int) -> Signal:
        """End the signal; return the remaining outputs, up to `n_total` since the start."""
        if self._n_in == 0:
            return self._buffer
        self._start()
        self._buffer = np.concatenate([self._buffer, self._mirror(self._margin, end=True)], axis=1)
        self._n_in += self._margin
        return self._outputs(n_total)

    @property
    def _margin(self) -> int:
        """Source samples that the filter sees on either side of an output, at most."""
        return self._phases.shape[1] + 1 if self._ratio != 1 else 0

    def _possible(self) -> int:
        """Count the outputs whose last source sample has arrived."""
        up, down = self._ratio.numerator, self._ratio.denominator
        return max((self._n_in * up - 1) // down - self._delay + 1, self._n_out)

    def _start(self) -> None:
        if not self._started:
            lead = self._mirror(self._margin, end=False)
            self._buffer = np.concatenate([lead, self._buffer], axis=1)
            self._buffer_start = -self._margin
            self._started = True

    def _mirror(self, n_samples: int, *, end: bool) -> Signal:
        """Extend the signal beyond an end: mirrored through its last value."""
        signal = self._buffer[:, -self._n_in :] if self._buffer_start < 0 else self._buffer
        steps = np.minimum(np.arange(1, n_samples + 1), signal.shape[1] - 1)
        if end:
            return 2 * signal[:, -1:] - signal[:, -1 - steps]
        return (2 * signal[:, :1] - signal[:, steps])[:, ::-1]

    def _outputs(self, stop: int) -> Signal:
        """Compute the outputs up to `stop`, and drop the inputs that are no longer needed."""
        parts = [
            self._batch(first, min(first + _BATCH, stop))
            for first in range(self._n_out, stop, _BATCH)
        ]
        self._n_out = max(self._n_out, stop)
        up, down = self._ratio.numerator, self._ratio.denominator
        first_needed = (self._n_out + self._delay) * down // up - 2 * self._margin
        if first_needed > self._buffer_start:
            self._buffer = self._buffer[:, first_needed - self._buffer_start :].copy()
            self._buffer_start = first_needed
        return np.concatenate([self._buffer[:, :0], *parts], axis=1)

    def _batch(self, first: int, last: int) -> Signal:
        up, down = self._ratio.numerator, self._ratio.denominator
        position = (np.arange(first, last) + self._delay) * down
        newest = position // up - self._buffer_start
        sources = newest[:, None] - np.arange(self._phases.shape[1])
        return np.asarray(
            np.einsum("cnk,nk->cn", self._buffer[:, sources], self._phases[position % up])
        )
