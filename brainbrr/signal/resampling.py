"""Polyphase resampling, span by span, with the same numbers as over the whole signal."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import signal

Signal = NDArray[np.floating]
ReadSpan = Callable[[int, int], Signal]

_ZEROS_EACH_SIDE = 16
_KAISER_BETA = 8.0
_MAX_FACTOR = 100_000
_MAX_FRAMED = 512
_MIN_FRAME = 32


def rate_ratio(source_hz: float, target_hz: float) -> Fraction:
    """Return `target / source`, exact if the terms are below 100,000, otherwise within 1e-9."""
    exact = Fraction(target_hz).limit_denominator(10**6) / Fraction(source_hz).limit_denominator(
        10**6
    )
    if max(exact.numerator, exact.denominator) <= _MAX_FACTOR:
        return exact
    return Fraction(target_hz / source_hz).limit_denominator(_MAX_FACTOR)


@lru_cache(maxsize=16)
def polyphase_taps(ratio: Fraction) -> tuple[NDArray[np.float64], int]:
    """Design the low-pass for the ratio; return it with its delay in whole output samples.

    Output sample `n` is the sum over source samples `k` of `taps[(n + delay) * down - k * up]`.
    Each of its phases sums to exactly 1, so that an electrode's offset, however large, leaves no
    ripple.
    """
    up, down = ratio.numerator, ratio.denominator
    half = _ZEROS_EACH_SIDE * max(up, down)
    taps = signal.firwin(2 * half + 1, 1.0 / max(up, down), window=("kaiser", _KAISER_BETA))
    lead = -half % down
    taps = np.concatenate([np.zeros(lead), taps])
    for phase in range(up):
        taps[phase::up] /= taps[phase::up].sum()
    return taps, (half + lead) // down


def resample_span(read: ReadSpan, ratio: Fraction, first: int, last: int) -> Signal:
    """Return samples `[first, last)` at the new rate, the same as if all were resampled at once.

    Sample 0 of both rates is the same instant.

    Args:
        read: returns source samples `[first, last)`, also outside the recording (see `extended`).
        ratio: new rate over old rate.
        first: index at the new rate.
        last: index at the new rate.
    """
    if ratio == 1:
        return read(first, last)
    up, down = ratio.numerator, ratio.denominator
    reach = _ZEROS_EACH_SIDE * max(up, down) // up + down
    start = (first * down // up - reach) // down * down
    stop = -(-last * down // up) + reach
    source = read(start, stop)
    offset = first - start // down * up
    if max(up, down) <= _MAX_FRAMED:
        return _framed(source, ratio, offset, last - first)
    taps, delay = polyphase_taps(ratio)
    resampled = signal.upfirdn(taps.astype(source.dtype), source, up, down, axis=-1)
    return np.asarray(resampled[..., offset + delay : offset + delay + last - first])


@lru_cache(maxsize=16)
def _frames(ratio: Fraction) -> tuple[NDArray[np.float64], int, int]:
    """Write the filter as a matrix `(inputs, outputs)` of one frame; its first input, and its step.

    A frame of consecutive outputs depends on a few consecutive inputs, the next one on those `step`
    later, so that resampling is one matrix product: three times as fast as sample by sample.
    """
    up, down = ratio.numerator, ratio.denominator
    taps, delay = polyphase_taps(ratio)
    n_rounds = -(-_MIN_FRAME // up)
    outputs = np.arange(n_rounds * up)
    last_input = (outputs + delay) * down // up
    first_input = last_input - (len(taps) - 1) // up
    inputs = np.arange(first_input[0], last_input[-1] + 1)
    index = (outputs + delay)[None] * down - inputs[:, None] * up
    inside = (index >= 0) & (index < len(taps))
    matrix = np.where(inside, taps[np.clip(index, 0, len(taps) - 1)], 0.0)
    return matrix, int(inputs[0]), n_rounds * down


def _framed(source: Signal, ratio: Fraction, first: int, n_samples: int) -> Signal:
    """Compute outputs `[first, first + n_samples)`, counted from the source's first sample."""
    if n_samples == 0:
        return source[..., :0]
    matrix, lead, step = _frames(ratio)
    n_inputs, n_outputs = matrix.shape
    n_skipped = first // n_outputs
    n_frames = -(-(first + n_samples) // n_outputs) - n_skipped
    begin = n_skipped * step + lead
    end = begin + (n_frames - 1) * step + n_inputs
    padding = [(0, 0)] * (source.ndim - 1) + [(max(-begin, 0), max(end - source.shape[-1], 0))]
    inside = np.pad(source[..., max(begin, 0) : max(end, 0)], padding)
    frames = sliding_window_view(inside, n_inputs, axis=-1)[..., ::step, :]
    resampled = frames @ matrix.astype(source.dtype)
    flat = resampled.reshape(*source.shape[:-1], -1)
    offset = first - n_skipped * n_outputs
    return np.asarray(flat[..., offset : offset + n_samples])


def extended(read: ReadSpan, span: tuple[int, int], first: int, last: int) -> Signal:
    """Read samples `[first, last)` of a signal that exists in `span`, mirrored through its ends.

    The mirror image is as long as the span; beyond it the last value is repeated.
    """
    low, high = span
    index = np.arange(first, last)
    mirrored = np.where(
        index < low, 2 * low - index, np.where(index >= high, 2 * (high - 1) - index, index)
    )
    mirrored = np.clip(mirrored, low, high - 1)
    start, stop = int(mirrored.min()), int(mirrored.max()) + 1
    source = read(start, stop)
    if first >= low and last <= high:
        return source
    values = source[..., mirrored - start]
    for edge, outside in ((low, index < low), (high - 1, index >= high)):
        if outside.any():
            pivot = read(edge, edge + 1)
            values[..., outside] = 2 * pivot - values[..., outside]
    return values
