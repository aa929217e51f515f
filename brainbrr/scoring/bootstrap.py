"""Uncertainty of scores over patients: bootstrap intervals, single and paired.

Patients are drawn with replacement, each with all recordings, because recordings of one patient are
alike (Efron and Tibshirani 1993, chapter 13: percentile intervals).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.scoring.counts import Counts, Values, ratio
from brainbrr.scoring.summary import Scores

FEWEST_PATIENTS = 5
RATES = ("sensitivity", "precision", "f1")
SZCORE = ("event", "sample")
EPOCH_UNIT = {"epoch": 0.25}
# Keys of a number in scores.json.
Path = tuple[str, ...]


def draw_patients(n_subjects: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Draw how often each patient occurs in each resample, shape `(resamples, subjects)`.

    With fewer than `FEWEST_PATIENTS` there are no resamples and no interval: the spread of so few
    patients is no estimate for others, and a single one would show no uncertainty at all.
    """
    if n_subjects < FEWEST_PATIENTS:
        return np.empty((0, n_subjects))
    generator = np.random.default_rng(seed)
    equal = np.full(n_subjects, 1 / n_subjects)
    return generator.multinomial(n_subjects, equal, n_resamples).astype(np.float64)


def resample(by_subject: Mapping[str, Counts], weights: NDArray[np.float64]) -> dict[Path, Values]:
    """Compute every rate of every metric in each resample, NaN if undefined, by its path in
    `scores.json`.

    Args:
        by_subject: counts of each metric, fields of shape `(subjects,)`.
        weights: shape `(resamples, subjects)`; a row of ones gives the scores themselves.
    """
    rates: dict[Path, Values] = {}
    for metric, counts in by_subject.items():
        pooled = counts.weighted(weights)
        if metric in SZCORE:
            for name in (*RATES, "fp_per_day"):
                path = ("szcore", metric)
                rates[*path, "subject_mean", name] = _mean(getattr(counts, name), weights)
                rates[*path, "pooled", name] = getattr(pooled, name)
        else:
            for name in RATES:
                rates["nedc", metric, name] = getattr(pooled, name)
            rates["nedc", metric, "fa_per_24h"] = pooled.fp_per_day * EPOCH_UNIT.get(metric, 1.0)
    legacy = by_subject["event"].legacy_f1
    rates["szcore", "event", "legacy_f1", "subject_mean"] = _mean(legacy, weights)
    return rates


def interval(values: Values) -> list[float] | None:
    """Return the 95 % percentile interval, or None if defined in under half of the resamples."""
    defined = values[~np.isnan(values)]
    if 2 * len(defined) < len(values) or not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]


def intervals(resampled: Mapping[Path, Values]) -> Scores:
    """Return the interval of every number, nested as in `scores.json`."""
    return nest({path: interval(values) for path, values in resampled.items()})


def differences(
    system: Mapping[str, Counts], other: Mapping[str, Counts], weights: NDArray[np.float64]
) -> Scores:
    """Compare a system with another on the same patients, with paired intervals.

    Each number has `difference`, `interval_95` and `p`, twice the smaller fraction of resamples on
    either side of zero.
    """
    ones = np.ones((1, weights.shape[1]))
    scores, other_scores = resample(system, ones), resample(other, ones)
    resampled, other_resampled = resample(system, weights), resample(other, weights)
    compared: dict[Path, Scores] = {}
    for path in scores:
        spread = resampled[path] - other_resampled[path]
        valid = spread[~np.isnan(spread)]
        difference = float((scores[path] - other_scores[path])[0])
        # One resample is added to either side: a finite number of them never shows p = 0.
        tail = (min(np.sum(valid <= 0), np.sum(valid >= 0)) + 1) / (len(valid) + 1)
        compared[path] = {
            "difference": None if np.isnan(difference) else difference,
            "interval_95": interval(spread),
            "p": float(min(2 * tail, 1.0)) if len(valid) else None,
        }
    return nest(compared)


def nest(values: Mapping[Path, Any]) -> Scores:
    """Return a flat mapping of paths as nested dictionaries."""
    nested: Scores = {}
    for path, value in values.items():
        node = nested
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return nested


def _mean(rate: Values, weights: NDArray[np.float64]) -> Values:
    """Compute the weighted mean of the subjects' defined rates in each resample."""
    valid = ~np.isnan(rate)
    return ratio(weights[:, valid] @ rate[valid], weights[:, valid].sum(axis=1))
