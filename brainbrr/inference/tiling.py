"""How a recording is read: window by window, or once in long stretches.

A network answers for every sample of whatever length it gets, at a cost linear in the length. At a
stride of a sixth of the window each second is computed six times; in stretches nearly once. The
numbers are not the windows' own: a stretch gives each sample more context than training did.
`brainbrr doctor detector= input=` tells the difference for a detector.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing
from brainbrr.signal.windows import window_spans

WINDOWS = "windows"
ENCODE_ONCE = "encode_once"
READINGS = (WINDOWS, ENCODE_ONCE)

STRETCH_S = 300.0
"""Seconds of a stretch at most: memory grows with it."""
OVERLAP_S = 30.0
"""Seconds that two stretches share: beyond this the encoder sees nothing of a stretch's end."""
FRAME = 16
"""Samples of a frame: every network takes any whole number of them."""

Observe = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
Rows = tuple[NDArray[np.int64], NDArray[np.bool_]]


def rows_of(recorded: NDArray[np.int64], windowing: Windowing, reading: str, see: Observe) -> Rows:
    """What the network is asked about, and which electrodes it may believe there.

    Args:
        recorded: `(n, 2)` samples of the spans that hold signal.
        windowing: how the detector's windows lie.
        reading: one of `READINGS`.
        see: `(rows, 2)` spans to the electrodes observed in each, `(rows, electrodes)`.

    Returns:
        spans, `(rows, 2)` samples, never across two recorded spans; `(rows, electrodes)`.
    """
    if reading == WINDOWS:
        spans = window_spans(recorded, windowing.length, windowing.stride)
        return spans, see(spans)
    rows = [row for span in recorded for row in _stretches(span, windowing, see)]
    spans = np.array([span for span, _ in rows], dtype=np.int64).reshape(-1, 2)
    return spans, np.array([observed for _, observed in rows], dtype=np.bool_)


def row_length(span: NDArray[np.int64], windowing: Windowing) -> int:
    """Samples that the network gets for a span: whole frames, and never less than a window."""
    n_samples = int(span[1] - span[0])
    return windowing.length if n_samples <= windowing.length else -(-n_samples // FRAME) * FRAME


def _stretches(
    span: NDArray[np.int64], windowing: Windowing, see: Observe
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Stretches of one recorded span, and the electrodes observed in each.

    Whether an electrode can be believed is asked window by window, as where windows are read: it
    would be lost for five minutes otherwise, or believed through a bad one. A stretch ends where
    the answer changes; the next one reaches back, but not into windows without any electrode.
    """
    overlap = round(OVERLAP_S * windowing.rate_hz)
    longest = max(round(STRETCH_S * windowing.rate_hz), windowing.length + overlap)
    windows = window_spans(span[None], windowing.length, windowing.length)
    observed = see(windows)
    changes = np.flatnonzero((observed[1:] != observed[:-1]).any(axis=1)) + 1
    for run in np.split(np.arange(len(windows)), changes):
        first, last = run[0], run[-1]
        linked = first > 0 and observed[first].any() and observed[first - 1].any()
        start = max(windows[first, 0] - overlap * linked, span[0])
        for stretch in _evenly(int(start), int(windows[last, 1]), longest, overlap):
            yield stretch, observed[first]


def _evenly(start: int, stop: int, longest: int, overlap: int) -> NDArray[np.int64]:
    """The fewest stretches that cover a span, `(n, 2)`: all of one length, so that they can share
    batches and the last one overlaps the others no more than they do each other."""
    n_stretches = max(math.ceil((stop - start - overlap) / (longest - overlap)), 1)
    if n_stretches == 1:
        return np.array([[start, stop]], dtype=np.int64)
    length = math.ceil((stop - start + (n_stretches - 1) * overlap) / n_stretches / FRAME) * FRAME
    return window_spans(np.array([[start, stop]], dtype=np.int64), length, length - overlap)
