"""How a recording is cut up: into overlapping windows, or into long segments that barely overlap.

A network answers for every sample of whatever length it gets, at a cost linear in the length. At a
stride of a sixth of the window each second is computed six times; in long segments nearly once. The
numbers differ from the windows': a segment gives each sample more context than training did.
`brainbrr doctor detector= input=` reports the difference for a detector.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing
from brainbrr.signal.windows import window_spans

WINDOWS = "windows"
LONG = "long"
TILINGS = (WINDOWS, LONG)

SEGMENT_S = 300.0
"""Seconds of a segment at most: memory grows with it."""
OVERLAP_S = 30.0
"""Seconds that two segments share: beyond this the encoder sees nothing of a segment's end."""
FRAME = 16
"""Samples per frame: every network takes any whole number of them."""

Observe = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
Tiles = tuple[NDArray[np.int64], NDArray[np.bool_]]


def tile(recorded: NDArray[np.int64], windowing: Windowing, tiling: str, observe: Observe) -> Tiles:
    """Lay windows or segments over a recording, and find the electrodes usable in each.

    Args:
        recorded: `(n, 2)` samples of the spans that hold signal.
        windowing: where the detector's windows lie.
        tiling: one of `TILINGS`.
        observe: `(tiles, 2)` spans to the electrodes observed in each, `(tiles, electrodes)`.

    Returns:
        spans, `(tiles, 2)` samples, never across two recorded spans; `(tiles, electrodes)`.
    """
    if tiling == WINDOWS:
        spans = window_spans(recorded, windowing.length, windowing.stride)
        return spans, observe(spans)
    tiles = [each for span in recorded for each in _segments(span, windowing, observe)]
    spans = np.array([span for span, _ in tiles], dtype=np.int64).reshape(-1, 2)
    return spans, np.array([observed for _, observed in tiles], dtype=np.bool_)


def tile_length(span: NDArray[np.int64], windowing: Windowing) -> int:
    """Return the samples that the network gets for a span: whole frames, and at least a window."""
    n_samples = int(span[1] - span[0])
    # Training saw nothing shorter than a window; what is padded is cut off when stitched.
    return windowing.length if n_samples <= windowing.length else -(-n_samples // FRAME) * FRAME


def _segments(
    span: NDArray[np.int64], windowing: Windowing, observe: Observe
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Yield the segments of one recorded span, and the electrodes observed in each.

    Electrodes are accepted or masked window by window, as with `WINDOWS`: over a whole segment a
    bad minute would cost an electrode five, or be overlooked. A segment ends where the set of
    usable electrodes changes; the next one overlaps it, unless one of the two has none.
    """
    overlap = round(OVERLAP_S * windowing.rate_hz)
    longest = max(round(SEGMENT_S * windowing.rate_hz), windowing.length + overlap)
    windows = window_spans(span[None], windowing.length, windowing.length)
    observed = observe(windows)
    # One set of electrodes per segment: masks are given for a whole input, not for a moment.
    changes = np.flatnonzero((observed[1:] != observed[:-1]).any(axis=1)) + 1
    for run in np.split(np.arange(len(windows)), changes):
        first, last = run[0], run[-1]
        # The overlap gives context across a change of electrodes; without any electrode there is
        # none to give, and the segment's mask would be false for that part.
        linked = first > 0 and observed[first].any() and observed[first - 1].any()
        # Never before the span: samples across a gap are not the ones that came before.
        start = max(windows[first, 0] - overlap * linked, span[0])
        for segment in _evenly(int(start), int(windows[last, 1]), longest, overlap):
            yield segment, observed[first]


def _evenly(start: int, stop: int, longest: int, overlap: int) -> NDArray[np.int64]:
    """Return the fewest segments that cover a span, `(n, 2)`.

    All have one length, so that they can share batches and the last one overlaps the others no more
    than they do each other.
    """
    # Each segment but the first brings `longest - overlap` new samples.
    n_segments = max(math.ceil((stop - start - overlap) / (longest - overlap)), 1)
    if n_segments == 1:
        return np.array([[start, stop]], dtype=np.int64)
    # Whole frames, so that segments need no padding.
    length = math.ceil((stop - start + (n_segments - 1) * overlap) / n_segments / FRAME) * FRAME
    return window_spans(np.array([[start, stop]], dtype=np.int64), length, length - overlap)
