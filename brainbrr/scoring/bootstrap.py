"""How far scores would move with other patients: bootstrap over patients, single and paired.

Patients are drawn with replacement, all recordings of one together, because recordings of one
patient are alike (Efron and Tibshirani 1993, chapter 13: percentile intervals).
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
# Where a number stands in scores.json.
Path = tuple[str, ...]


def draw_patients(n_subjects: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each patient is drawn in each resample, shape `(resamples, subjects)`.

    With fewer than `FEWEST_PATIENTS` there are no resamples, and no interval: the spread of so few
    patients says nothing of others, and that of a single one would be told as certainty.
    """
    if n_subjects < FEWEST_PATIENTS:
        return np.empty((0, n_subjects))
    generator = np.random.default_rng(seed)
    shares = np.full(n_subjects, 1 / n_subjects)
    return generator.multinomial(n_subjects, shares, n_resamples).astype(np.float64)


def resample(by_subject: Mapping[str, Counts], weights: NDArray[np.float64]) -> dict[Path, Values]:
    """Every rate of every metric in each resample, NaN where undefined, by its place in
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
                place = ("szcore", metric)
                rates[*place, "subject_mean", name] = _mean(getattr(counts, name), weights)
                rates[*place, "pooled", name] = getattr(pooled, name)
        else:
            for name in RATES:
                rates["nedc", metric, name] = getattr(pooled, name)
            rates["nedc", metric, "fa_per_24h"] = pooled.fp_per_day * EPOCH_UNIT.get(metric, 1.0)
    legacy = by_subject["event"].legacy_f1
    rates["szcore", "event", "legacy_f1", "subject_mean"] = _mean(legacy, weights)
    return rates


def interval(values: Values) -> list[float] | None:
    """95 % percentile interval where the number is defined; None if in under half of resamples."""
    defined = values[~np.isnan(values)]
    if 2 * len(defined) < len(values) or not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]


def intervals(resampled: Mapping[Path, Values]) -> Scores:
    """The interval of every number, nested as `scores.json` nests the numbers."""
    return nest({place: interval(values) for place, values in resampled.items()})


def differences(
    own: Mapping[str, Counts], other: Mapping[str, Counts], weights: NDArray[np.float64]
) -> Scores:
    """How much this system scores above another on the same patients, with paired intervals.

    Each number has `difference`, `interval_95` and `p`, twice the smaller share of resamples on
    either side of zero.
    """
    ones = np.ones((1, weights.shape[1]))
    here, there = resample(own, ones), resample(other, ones)
    spread_here, spread_there = resample(own, weights), resample(other, weights)
    found: dict[Path, Scores] = {}
    for place in here:
        spread = spread_here[place] - spread_there[place]
        known = spread[~np.isnan(spread)]
        difference = float((here[place] - there[place])[0])
        # One resample is granted to either side: a finite number of them never shows p = 0.
        share = (min(np.sum(known <= 0), np.sum(known >= 0)) + 1) / (len(known) + 1)
        found[place] = {
            "difference": None if np.isnan(difference) else difference,
            "interval_95": interval(spread),
            "p": float(min(2 * share, 1.0)) if len(known) else None,
        }
    return nest(found)


def nest(values: Mapping[Path, Any]) -> Scores:
    """A flat mapping of paths as nested dictionaries."""
    nested: Scores = {}
    for place, value in values.items():
        node = nested
        for key in place[:-1]:
            node = node.setdefault(key, {})
        node[place[-1]] = value
    return nested


def _mean(rate: Values, weights: NDArray[np.float64]) -> Values:
    """Weighted mean of the subjects' rates where they are defined, in each resample."""
    known = ~np.isnan(rate)
    return ratio(weights[:, known] @ rate[known], weights[:, known].sum(axis=1))
