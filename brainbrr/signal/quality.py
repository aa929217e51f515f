"""Judge which epochs of a channel are not EEG: flat, saturated, disconnected, or mains hum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOOD, FLAT, SATURATED, DISCONNECTED, MAINS = range(5)
REASONS = ("good", "flat", "saturated", "disconnected", "mains")

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class QualityLimits:
    """Limits beyond which an epoch of a channel is not EEG.

    Attributes:
        epoch_s: length of an epoch, in seconds.
        flat_uv: a peak-to-peak amplitude below this is flat.
        flat_fraction: so is an epoch of which this fraction of samples has one value.
        saturated_fraction: an epoch is saturated if this fraction of samples is at its highest or
            lowest value.
        disconnected_uv: a standard deviation above this is not an electrode on a head.
        mains_fraction: fraction of the power in the mains line above which (and above three times
            the median channel) it is hum.
        guard_epochs: epochs before and after a flat, saturated or disconnected one that count as
            bad too, because the filter smears the jump between them.
    """

    epoch_s: float = 2.0
    flat_uv: float = 1.0
    flat_fraction: float = 0.9
    saturated_fraction: float = 0.1
    disconnected_uv: float = 1500.0
    mains_fraction: float = 0.9
    guard_epochs: int = 1


_CLIPPING_MIN_UV = 100.0
_MAINS_MIN_UV = 20.0
_MIN_CYCLES = 10


def _line_basis(n_samples: int, rate_hz: float, mains_hz: float) -> NDArray[np.float64]:
    """Orthonormal `(samples, 4)`: constant, slope, and the mains' two phases."""
    time_s = np.arange(n_samples) / rate_hz
    angle = 2 * np.pi * mains_hz * time_s
    columns = np.stack(
        [np.ones(n_samples), time_s - time_s.mean(), np.sin(angle), np.cos(angle)], 1
    )
    return np.asarray(np.linalg.qr(columns)[0])


def _is_hum(
    epochs: NDArray[np.float32], rate_hz: float, mains_hz: float, limits: QualityLimits
) -> NDArray[np.bool_]:
    n_samples = epochs.shape[-1]
    basis = _line_basis(n_samples, rate_hz, mains_hz).astype(np.float32)
    # The line's two phases are projected out together with offset and slope, which a short epoch
    # would otherwise confuse with them; drift then counts neither as line nor as total power.
    centered = epochs - epochs.mean(axis=-1, keepdims=True)
    fit = centered @ basis
    total = np.einsum("...t,...t->...", centered, centered) - fit[..., 1] ** 2
    line = fit[..., 2] ** 2 + fit[..., 3] ** 2
    amplitude_uv = np.sqrt(line / n_samples)
    stands_out = amplitude_uv > np.maximum(3 * np.median(amplitude_uv, axis=0), _MAINS_MIN_UV)
    return np.asarray(stands_out & (line > limits.mains_fraction * total))


def judge(
    epochs: NDArray[np.float32], rate_hz: float, mains_hz: float | None, limits: QualityLimits
) -> Codes:
    """Judge each channel in each epoch: one of `REASONS`, by index.

    An epoch of less than ten cycles of the mains is not judged for hum.

    Args:
        epochs: raw microvolts `(channels, epochs, samples)`.
        rate_hz: sampling rate.
        mains_hz: mains frequency, or None if the recording has none.
        limits: see `QualityLimits`.

    Returns:
        `(channels, epochs)`; the first that applies of flat, saturated, disconnected, mains.
    """
    highest, lowest = epochs.max(axis=-1), epochs.min(axis=-1)
    peak_to_peak = highest - lowest
    at_top, at_bottom = _fraction_at(epochs, highest), _fraction_at(epochs, lowest)
    at_ends = (_fraction_at(epochs, epochs[..., 0]), _fraction_at(epochs, epochs[..., -1]))
    # A channel may rest at any value, but then most likely at an extreme or at either end.
    still = np.max([at_top, at_bottom, *at_ends], axis=0) >= limits.flat_fraction
    flat = (peak_to_peak < limits.flat_uv) | still
    hum = (
        np.zeros(peak_to_peak.shape, dtype=bool)
        if mains_hz is None or epochs.shape[-1] < _MIN_CYCLES * rate_hz / mains_hz
        else _is_hum(epochs, rate_hz, mains_hz, limits)
    )
    codes = np.where(hum, MAINS, GOOD)
    codes = np.where(epochs.std(axis=-1) > limits.disconnected_uv, DISCONNECTED, codes)
    clipped = (at_top + at_bottom >= limits.saturated_fraction) & (peak_to_peak >= _CLIPPING_MIN_UV)
    codes = np.where(clipped, SATURATED, codes)
    return np.where(flat, FLAT, codes).astype(np.uint8)


def _fraction_at(epochs: NDArray[np.float32], value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the fraction of each epoch's samples that equal its value."""
    return np.asarray((epochs == value[..., None]).mean(axis=-1))


def with_guard(codes: Codes, follows: NDArray[np.bool_], n_epochs: int) -> Codes:
    """Mark good epochs next to a flat, saturated or disconnected one like it.

    Args:
        codes: `(channels, epochs)` from `judge`.
        follows: `(epochs,)` whether an epoch follows the one before it without a gap.
        n_epochs: how far the mark reaches to each side.
    """
    for _ in range(n_epochs):
        spreading = np.where((codes == GOOD) | (codes == MAINS), GOOD, codes)
        before = np.pad(spreading[:, :-1] * follows[1:], ((0, 0), (1, 0)))
        after = np.pad(spreading[:, 1:] * follows[1:], ((0, 0), (0, 1)))
        codes = np.where(codes != GOOD, codes, np.where(before != GOOD, before, after))
    return codes.astype(np.uint8)
