"""Which stretches of a channel are no EEG: flat, saturated, disconnected, or mains hum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOOD, FLAT, SATURATED, DISCONNECTED, MAINS = range(5)
REASONS = ("good", "flat", "saturated", "disconnected", "mains")

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class QualityLimits:
    """Where a channel stops being EEG, judged over epochs of a few seconds.

    Attributes:
        epoch_s: length of the stretches that are judged, in seconds.
        flat_uv: peak to peak below this is flat.
        flat_fraction: so is an epoch of which this share of samples is one value.
        saturated_fraction: share of samples resting on the epoch's highest and lowest values that
            is saturated.
        disconnected_uv: a standard deviation above this is no electrode on a head.
        mains_fraction: share of the power in the mains line above which (and above three times the
            median channel) it is hum.
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
    centred = epochs - epochs.mean(axis=-1, keepdims=True)
    fit = centred @ basis
    total = np.einsum("...t,...t->...", centred, centred) - fit[..., 1] ** 2
    line = fit[..., 2] ** 2 + fit[..., 3] ** 2
    amplitude_uv = np.sqrt(line / n_samples)
    stands_out = amplitude_uv > np.maximum(3 * np.median(amplitude_uv, axis=0), _MAINS_MIN_UV)
    return np.asarray(stands_out & (line > limits.mains_fraction * total))


def judge(
    epochs: NDArray[np.float32], rate_hz: float, mains_hz: float | None, limits: QualityLimits
) -> Codes:
    """A verdict, one of `REASONS` by index, on each channel in each epoch.

    Args:
        epochs: raw microvolts `(channels, epochs, samples)`.
        rate_hz: samples a second.
        mains_hz: mains frequency, or None where the recording has none.
        limits: see `QualityLimits`.

    An epoch of less than ten cycles of the mains is not judged for hum.

    Returns:
        `(channels, epochs)`; the first that applies of flat, saturated, disconnected, mains.
    """
    highest, lowest = epochs.max(axis=-1), epochs.min(axis=-1)
    peak_to_peak = highest - lowest
    at_top, at_bottom = _share_of(epochs, highest), _share_of(epochs, lowest)
    at_ends = (_share_of(epochs, epochs[..., 0]), _share_of(epochs, epochs[..., -1]))
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


def _share_of(epochs: NDArray[np.float32], value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of each epoch's samples that equal its value."""
    return np.asarray((epochs == value[..., None]).mean(axis=-1))


def with_guard(codes: Codes, follows: NDArray[np.bool_], n_epochs: int) -> Codes:
    """Verdicts with good epochs beside a flat, saturated or disconnected one marked like it.

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
