"""Cut recordings into windows of one length, and put what was computed on them back on one
timeline."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.intervals import Intervals, complement


class UncoveredSamples(BrainbrrError):
    """A recorded sample that no window covers."""


def recorded_spans(n_samples: int, rate_hz: float, gaps: Intervals) -> NDArray[np.int64]:
    """`(n, 2)` first and last-plus-one samples of the segments that hold signal."""
    spans = np.rint(complement(gaps, 0.0, n_samples / rate_hz) * rate_hz).astype(np.int64)
    return spans[spans[:, 1] > spans[:, 0]]


def window_spans(spans: NDArray[np.int64], length: int, stride: int) -> NDArray[np.int64]:
    """Where windows lie: `(n, 2)` first and last-plus-one samples, never across two spans.

    Within each span windows start every `stride` samples; a last one ends exactly at the span's
    end, so that the tail is seen with full context. A span shorter than `length` gives one short
    window, padded when it is read.
    """
    windows = []
    for start, stop in spans:
        last = max(start, stop - length)
        starts = np.append(np.arange(start, last, stride), last)
        windows.append(np.stack([starts, np.minimum(starts + length, stop)], axis=1))
    return np.concatenate(windows).astype(np.int64) if windows else np.empty((0, 2), dtype=np.int64)


def read_window(
    signal: NDArray[np.generic], span: NDArray[np.int64], length: int
) -> tuple[NDArray, NDArray[np.bool_]]:  # type: ignore[type-arg]
    """One window of `signal` `(..., samples)`, zero-padded behind to `length`, and which of its
    samples are real."""
    start, stop = int(span[0]), int(span[1])
    window = np.zeros((*signal.shape[:-1], length), dtype=signal.dtype)
    window[..., : stop - start] = signal[..., start:stop]
    return window, np.arange(length) < stop - start


def taper_weights(length: int, edge_weight: float = 0.1) -> NDArray[np.float32]:
    """Trapezoidal weights: full in the middle half of a window, falling to `edge_weight` at its
    ends."""
    ramp = np.minimum(np.arange(length) + 0.5, length - 0.5 - np.arange(length)) / (length / 4)
    return (edge_weight + (1.0 - edge_weight) * np.minimum(ramp, 1.0)).astype(np.float32)


class Stitcher:
    """Puts windows back on one timeline as they come, holding two values per sample and no window.

    The timeline of a live signal grows, and its values are taken as soon as they are final.

    Args:
        n_samples: length of the timeline.
        length: samples in a window, as most have them.
    """

    def __init__(self, n_samples: int, length: int) -> None:
        self._taper = taper_weights(length)
        self._total = np.zeros(n_samples, dtype=np.float32)
        self._weight = np.zeros(n_samples, dtype=np.float32)
        self._first = 0

    def add(self, values: NDArray[np.float32], span: NDArray[np.int64]) -> None:
        """Add one window's values; those beyond its span are padding, and those at samples that
        were taken come too late."""
        start, stop = span
        taper = self._taper if len(values) <= len(self._taper) else taper_weights(len(values))
        used = slice(max(self._first - start, 0), stop - start)
        place = slice(max(start - self._first, 0), stop - self._first)
        self._total[place] += taper[used] * values[used]
        self._weight[place] += taper[used]

    def grow(self, n_samples: int) -> None:
        """Lengthen the timeline to `n_samples`, those that were taken included."""
        n_more = n_samples - self._first - self._total.size
        self._total = np.pad(self._total, (0, n_more))
        self._weight = np.pad(self._weight, (0, n_more))

    def mean(self) -> NDArray[np.float32]:
        """Return the weighted averages that were not taken yet; each must lie in a window."""
        return np.asarray(self._total / self._weight)

    def take(self, stop: int) -> NDArray[np.float32]:
        """Return the weighted averages up to sample `stop`, and forget them."""
        n_taken = max(stop - self._first, 0)
        taken = self.mean()[:n_taken]
        self._total, self._weight = self._total[n_taken:].copy(), self._weight[n_taken:].copy()
        self._first += n_taken
        return taken

    def result(self, recorded: NDArray[np.int64]) -> NDArray[np.float32]:
        """The weighted average at each sample; 0 outside the `recorded` spans.

        Raises:
            UncoveredSamples: a recorded sample lies in no window.
        """
        for start, stop in recorded:
            if not self._weight[start:stop].all():
                first = start + int(np.argmin(self._weight[start:stop] > 0))
                raise UncoveredSamples(
                    "every recorded sample inside a window",
                    f"sample {first} in none",
                    "Use a stride no longer than the window.",
                )
        return np.divide(
            self._total, self._weight, out=np.zeros_like(self._total), where=self._weight > 0
        )


def stitch(
    windows: NDArray[np.float32],
    spans: NDArray[np.int64],
    n_samples: int,
    recorded: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Weighted average of overlapping windows back on the recording's timeline; the inverse of
    cutting it up.

    Args:
        windows: `(windows, length)` values, e.g. probabilities.
        spans: `(windows, 2)` from `window_spans`; samples beyond a span are padding and ignored.
        n_samples: length of the timeline.
        recorded: `(n, 2)` spans that hold signal, from `recorded_spans`; the rest becomes 0.

    Raises:
        UncoveredSamples: a recorded sample lies in no window.
    """
    stitcher = Stitcher(n_samples, windows.shape[-1])
    for values, span in zip(windows, spans, strict=True):
        stitcher.add(values, span)
    return stitcher.result(recorded)
