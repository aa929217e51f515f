"""Counts of hits, false alarms and misses, and the rates that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

DAY_S = 86_400.0
Values = NDArray[np.float64]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Values:
    """Divide elementwise; NaN if the denominator is 0, as undefined is not a rate of 0."""
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    undefined = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator != 0)


def defined(value: ArrayLike) -> float | None:
    """Return one number for JSON: NaN becomes None."""
    number = float(np.asarray(value))
    return None if np.isnan(number) else number


@dataclass(frozen=True)
class Counts:
    """Hits, false alarms and misses in one recording, or in each of many.

    The four fields are floats or arrays of one shape (recordings, subjects, thresholds or
    resamples); rates have that shape and are NaN if undefined.

    Attributes:
        tp: reference units (events, samples, epochs) that were detected.
        fp: hypothesis units that hit nothing.
        fn: reference units that were missed.
        duration_s: seconds that were recorded and scored.
    """

    tp: Values
    fp: Values
    fn: Values
    duration_s: Values

    def __post_init__(self) -> None:
        for field in fields(self):
            value = np.asarray(getattr(self, field.name), dtype=np.float64)
            object.__setattr__(self, field.name, value)

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __getitem__(self, index: int) -> Counts:
        return Counts(*(value[index] for value in self._values()))

    def total(self) -> Counts:
        """Sum over all recordings."""
        return Counts(*(value.sum() for value in self._values()))

    def grouped(self, group: NDArray[np.intp], n_groups: int) -> Counts:
        """Sum over the recordings of each group, shape `(n_groups,)`.

        Args:
            group: index of each recording's group.
        """
        sums = [np.bincount(group, value, n_groups) for value in self._values()]
        return Counts(*(np.asarray(value, dtype=np.float64) for value in sums))

    def weighted(self, weights: NDArray[np.float64]) -> Counts:
        """Compute weighted sums, shape `(resamples,)`, for weights `(resamples, subjects)`."""
        return Counts(*(weights @ value for value in self._values()))

    def _values(self) -> tuple[Values, ...]:
        return (self.tp, self.fp, self.fn, self.duration_s)

    @property
    def ref_true(self) -> Values:
        """Reference units in all."""
        return self.tp + self.fn

    @property
    def sensitivity(self) -> Values:
        """`tp / (tp + fn)`; undefined without reference units."""
        return ratio(self.tp, self.ref_true)

    @property
    def precision(self) -> Values:
        """`tp / (tp + fp)`; undefined without detections."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> Values:
        """`2 tp / (2 tp + fp + fn)` as in timescoring 0.0.7; undefined without any event."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def legacy_f1(self) -> Values:
        """F1 as in timescoring before 2026: undefined if sensitivity or precision is."""
        return np.where(np.isnan(self.sensitivity + self.precision), np.nan, self.f1)

    @property
    def fp_per_day(self) -> Values:
        """False alarms per 24 h of scored time."""
        return ratio(self.fp * DAY_S, self.duration_s)
