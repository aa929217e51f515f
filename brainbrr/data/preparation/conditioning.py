"""The second pass over a recording: resample, filter, mix channels into electrodes, by chunks."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.plan import Segment
from brainbrr.data.recordings.recording import RecordingBlocks
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.filters import design_filter, filter_zero_phase, settling_samples
from brainbrr.signal.resampling import extended, rate_ratio, resample_span
from brainbrr.signal.windows import recorded_spans

CHUNK_S = 300.0


def conditioned_chunks(
    blocks: RecordingBlocks,
    rows: NDArray[np.intp],
    segments: Sequence[Segment],
    *,
    rate_hz: float,
    band_hz: tuple[float, float],
    order: int,
    mains_hz: float | None,
    notch_q: float,
    chunk_s: float = CHUNK_S,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield electrodes in microvolts, chunk by chunk: `(first sample, (19, samples))`.

    Chunks of any length agree to within 1e-6 of the signal's size. At the ends of the recording and
    of each gap the signal is mirrored through its last value.

    Args:
        blocks: the recording.
        rows: indices of the channels that the segments' weights are for.
        segments: weights over source samples.
        rate_hz: sampling rate of the result.
        band_hz: lower and upper edge.
        order: of the band-pass.
        mains_hz: frequency to notch, or None.
        notch_q: of the notch.
        chunk_s: length of a chunk in seconds.
    """
    ratio = rate_ratio(blocks.rate_hz, rate_hz)
    sections = design_filter(rate_hz, *band_hz, order=order, mains_hz=mains_hz, notch_q=notch_q)
    context = settling_samples(sections)
    spans = recorded_spans(blocks.n_samples, blocks.rate_hz, blocks.gaps)
    for span in spans:
        start, stop = np.rint(span / blocks.rate_hz * rate_hz).astype(int).tolist()
        # The mirror image of a span is no longer than the span itself.
        reach = min(context, stop - start - 1)

        def read(first: int, last: int, span: NDArray[np.int64] = span) -> NDArray[np.float64]:
            source = extended(blocks.read, (int(span[0]), int(span[1])), first, last)
            return source[rows].astype(np.float64)

        for first in range(start, stop, int(chunk_s * rate_hz)):
            last = min(first + int(chunk_s * rate_hz), stop)
            # As much context on both sides as the filter's memory; it is cut off again below.
            begin = max(first - context, start - reach)
            end = min(last + context, stop + reach)
            channels = resample_span(read, ratio, begin, end).astype(np.float64, copy=False)
            channels = filter_zero_phase(sections, channels)
            channels = channels[:, first - begin : last - begin]
            yield first, _electrodes(channels, first, segments, blocks.rate_hz, rate_hz)


def _electrodes(
    channels: NDArray[np.floating],
    first: int,
    segments: Sequence[Segment],
    source_hz: float,
    rate_hz: float,
) -> NDArray[np.float32]:
    """Apply each segment's weights to its part of the channels."""
    last = first + channels.shape[1]
    edges = np.rint(np.array([s.first for s in segments]) / source_hz * rate_hz).astype(np.int64)
    # Rounding to the new rate may leave samples before the first segment or after the last: the
    # nearest segment's weights apply to them.
    edges = np.append(edges, np.iinfo(np.int64).max)
    edges[0] = min(edges[0], first)
    electrodes = np.zeros((N_ELECTRODES, last - first), dtype=np.float32)
    start = max(int(np.searchsorted(edges, first, side="right")) - 1, 0)
    for index in range(start, len(segments)):
        begin, end = max(int(edges[index]), first), min(int(edges[index + 1]), last)
        if begin >= last:
            break
        electrodes[:, begin - first : end - first] = (
            segments[index].weights @ channels[:, begin - first : end - first]
        )
    return electrodes
