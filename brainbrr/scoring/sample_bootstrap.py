"""Patient-bootstrap intervals of AUROC, average precision and calibration error.

Samples of a patient are stored as counts of its occupied fine bins. These are merged to about a
thousand bins with equal fractions of either class, so that a thousand resamples are one matrix
product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.scoring.bootstrap import interval
from brainbrr.scoring.counts import Values, ratio
from brainbrr.scoring.sample_level import N_BINS, SampleHistogram
from brainbrr.scoring.summary import Scores

N_FRACTIONS = 1024
RESAMPLES_AT_ONCE = 100


@dataclass(frozen=True)
class PatientSamples:
    """The samples of one patient at the fine bins that hold any.

    Attributes:
        bins: the fine bins, ascending, shape `(occupied,)`.
        positive, negative: seizure and other samples in each of them.
        n, hits, sum_p: as in `SampleHistogram`, shape `(N_RELIABILITY,)`.
    """

    bins: NDArray[np.int32]
    positive: NDArray[np.int32]
    negative: NDArray[np.int32]
    n: NDArray[np.int64]
    hits: NDArray[np.int64]
    sum_p: NDArray[np.float64]

    @classmethod
    def of(cls, samples: SampleHistogram) -> "PatientSamples":
        """Keep the occupied bins of a histogram."""
        bins = np.flatnonzero(samples.positive + samples.negative).astype(np.int32)
        return cls(
            bins,
            samples.positive[bins].astype(np.int32),
            samples.negative[bins].astype(np.int32),
            samples.n,
            samples.hits,
            samples.sum_p,
        )


def sample_intervals(
    patients: Sequence[PatientSamples], pooled: SampleHistogram, weights: NDArray[np.float64]
) -> Scores:
    """Compute 95 % patient-bootstrap intervals of `auroc`, `average_precision` and `ece`.

    A coarse bin holds at most 1 / `N_FRACTIONS` of a class, or one fine bin; as samples in one bin
    count as ties, an AUROC is within 1 / (2 `N_FRACTIONS`) of the fine one's, in practice within
    1e-6.

    Args:
        pooled: all patients' samples.
        weights: shape `(resamples, patients)`.
    """
    coarse = _coarse_bins(pooled)
    positive, negative = (
        np.stack([np.bincount(coarse[p.bins], getattr(p, side), coarse[-1] + 1) for p in patients])
        for side in ("positive", "negative")
    )
    n, hits, sum_p = (
        np.stack([getattr(patient, name) for patient in patients])
        for name in ("n", "hits", "sum_p")
    )
    resampled: dict[str, list[Values]] = {"auroc": [], "average_precision": [], "ece": []}
    for first in range(0, len(weights), RESAMPLES_AT_ONCE):
        drawn = weights[first : first + RESAMPLES_AT_ONCE]
        seizure, other = drawn @ positive, drawn @ negative
        resampled["auroc"].append(_auroc(seizure, other))
        resampled["average_precision"].append(_average_precision(seizure, other))
        distance = np.abs(drawn @ sum_p - drawn @ hits).sum(axis=1)
        resampled["ece"].append(ratio(distance, (drawn @ n).sum(axis=1)))
    return {
        name: interval(np.concatenate(values)) if values else None
        for name, values in resampled.items()
    }


def _coarse_bins(pooled: SampleHistogram) -> NDArray[np.int64]:
    """Return the coarse bin of each fine one: a new one begins where a class passes a fraction."""
    passed = np.zeros(N_BINS, bool)
    for counts in (pooled.positive, pooled.negative):
        fraction = (np.cumsum(counts) * N_FRACTIONS) // max(int(counts.sum()), 1)
        passed[1:] |= fraction[1:] != fraction[:-1]
    # A bin that passes a fraction and the next one both start a bin: a crowded one stays alone.
    passed[1:] |= passed[:-1].copy()
    return np.cumsum(passed)


def _auroc(positive: Values, negative: Values) -> Values:
    below = np.cumsum(negative, axis=1) - negative
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return ratio((positive * (below + negative / 2)).sum(axis=1), pairs)


def _average_precision(positive: Values, negative: Values) -> Values:
    tp = np.cumsum(positive[:, ::-1], axis=1)
    fp = np.cumsum(negative[:, ::-1], axis=1)
    precision = tp / np.maximum(tp + fp, 1.0)
    return ratio((positive[:, ::-1] * precision).sum(axis=1), positive.sum(axis=1))
