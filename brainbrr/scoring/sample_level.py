"""AUROC and average precision over all samples of a corpus, in a fixed amount of memory.

Probabilities are counted in bins that are finest at both ends: 512 per halving of the probability,
or of its distance to 1. The order within a bin is unknown, which bounds the error; the bound is
reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

# Float32 values in [0, 1/2] in order are integers in order; dropping 13 of 23 mantissa bits leaves
# 1,024 bins an octave.
SHIFT = 14
HALF_BITS = int(np.float32(0.5).view(np.uint32)) >> SHIFT
N_BINS = 2 * HALF_BITS + 2
N_RELIABILITY = 15
CHUNK = 1 << 20


@dataclass(frozen=True)
class SampleHistogram:
    """Samples counted by probability; histograms of recordings add.

    Attributes:
        positive, negative: seizure and other samples in each fine bin, shape `(N_BINS,)`.
        n, hits, sum_p: samples, seizure samples and sum of probabilities in each of `N_RELIABILITY`
            equal bins.
    """

    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    n: NDArray[np.int64]
    hits: NDArray[np.int64]
    sum_p: NDArray[np.float64]

    @classmethod
    def of(cls, parts: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> SampleHistogram:
        """Count the samples of all parts, probability and label (True in seizures), both of shape
        `(samples,)`."""
        total = cls(
            np.zeros(N_BINS, np.int64),
            np.zeros(N_BINS, np.int64),
            np.zeros(N_RELIABILITY, np.int64),
            np.zeros(N_RELIABILITY, np.int64),
            np.zeros(N_RELIABILITY),
        )
        for probability, label in parts:
            for first in range(0, len(probability), CHUNK):
                chunk = slice(first, first + CHUNK)
                total._count(np.ascontiguousarray(probability[chunk], np.float32), label[chunk])
        return total

    def _count(self, probability: NDArray[np.float32], label: NDArray[np.bool_]) -> None:
        # In place: a corpus has thousands of parts, and the arrays are wider than most of them.
        both = np.bincount(fine_bin(probability) + N_BINS * label, minlength=2 * N_BINS)
        self.negative[:] += both[:N_BINS]
        self.positive[:] += both[N_BINS:]
        coarse = np.minimum((probability * N_RELIABILITY).astype(np.int64), N_RELIABILITY - 1)
        self.n[:] += np.bincount(coarse, minlength=N_RELIABILITY)
        self.hits[:] += np.bincount(coarse[label], minlength=N_RELIABILITY)
        self.sum_p[:] += np.bincount(coarse, probability, N_RELIABILITY)

    def __add__(self, other: SampleHistogram) -> SampleHistogram:
        names = [field.name for field in fields(self)]
        return SampleHistogram(*(getattr(self, name) + getattr(other, name) for name in names))


def fine_bin(probability: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the bin of each probability, ascending; above one half the bins mirror those below."""
    upper = probability > np.float32(0.5)
    # 1 - p is exact for p in [1/2, 1].
    folded = np.where(upper, np.float32(1.0) - probability, probability)
    # Adding 0 turns a negative zero into a positive one.
    bits = (folded + np.float32(0.0)).view(np.uint32).astype(np.int64) >> SHIFT
    return np.where(upper, N_BINS - 1 - bits, bits)


def bin_probability() -> NDArray[np.float64]:
    """Return the center of each fine bin."""
    low = (np.arange(HALF_BITS + 1, dtype=np.uint32) << SHIFT).view(np.float32).astype(np.float64)
    high = np.append(low[1:], 0.5)
    middle = (low + np.minimum(high, 0.5)) / 2
    return np.concatenate([middle, 1.0 - middle[::-1]])


def auroc(samples: SampleHistogram) -> tuple[float | None, float | None]:
    """Compute the area under the ROC curve and its error bound; None without both classes."""
    n_positive, n_negative = int(samples.positive.sum()), int(samples.negative.sum())
    if not n_positive or not n_negative:
        return None, None
    positive, negative = samples.positive / n_positive, samples.negative / n_negative
    below = np.cumsum(negative) - negative
    return float(positive @ (below + negative / 2)), float(positive @ negative) / 2


def average_precision(samples: SampleHistogram) -> tuple[float | None, float | None]:
    """Compute the average precision and its error bound; None without seizure samples."""
    n_positive = int(samples.positive.sum())
    if not n_positive:
        return None, None
    occupied = np.flatnonzero(samples.positive)[::-1]
    above_tp = np.cumsum(samples.positive[::-1])[::-1].astype(np.float64)
    above_fp = np.cumsum(samples.negative[::-1])[::-1].astype(np.float64)
    tp, fp = above_tp[occupied], above_fp[occupied]
    inside_tp, inside_fp = samples.positive[occupied], samples.negative[occupied]
    weight = inside_tp / n_positive
    value = float(weight @ (tp / (tp + fp)))
    # Best order of a bin: its seizure samples first. Worst: they come last.
    best = float(weight @ (tp / (tp + fp - inside_fp)))
    first = tp - inside_tp + 1
    worst = float(weight @ (first / (first + fp)))
    return value, max(best - value, value - worst)
