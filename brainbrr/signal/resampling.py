"""Change of sampling rate by a polyphase filter, a stretch at a time, on one clock."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Signal = NDArray[np.floating]
ReadSpan = Callable[[int, int], Signal]

_ZEROS_EACH_SIDE = 16
_KAISER_BETA = 8.0
_MAX_FACTOR = 100_000


def rate_ratio(source_hz: float, target_hz: float) -> Fraction:
    """`target / source`, exact where the fraction's terms are below 100,000, else within 1e-9."""
    exact = Fraction(target_hz).limit_denominator(10**6) / Fraction(source_hz).limit_denominator(
        10**6
    )
    if max(exact.numerator, exact.denominator) <= _MAX_FACTOR:
        return exact
    return Fraction(target_hz / source_hz).limit_denominator(_MAX_FACTOR)


@lru_cache(maxsize=16)
def _taps(ratio: Fraction) -> tuple[NDArray[np.float64], int]:
    """Low-pass for the ratio, padded so that its delay is whole output samples, and that delay.

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
    """Samples `[first, last)` at the new rate, as if the whole signal had been resampled at once.

    Sample 0 of both rates is the same instant.

    Args:
        read: gives the source samples `[first, last)`, also outside the recording (see `extended`).
        ratio: new rate over old rate.
        first: index at the new rate.
        last: index at the new rate.
    """
    if ratio == 1:
        return read(first, last)
    up, down = ratio.numerator, ratio.denominator
    taps, delay = _taps(ratio)
    reach = _ZEROS_EACH_SIDE * max(up, down) // up + down
    start = (first * down // up - reach) // down * down
    stop = -(-last * down // up) + reach
    source = read(start, stop)
    resampled = signal.upfirdn(taps.astype(source.dtype), source, up, down, axis=-1)
    offset = first - start // down * up + delay
    return np.asarray(resampled[..., offset : offset + last - first])


def extended(read: ReadSpan, span: tuple[int, int], first: int, last: int) -> Signal:
    """Samples `[first, last)` of a signal that exists in `span`, mirrored through its ends.

    The mirror image reaches as far as the span is long, then the last value stays.
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
