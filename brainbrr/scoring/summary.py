"""Counts as the dictionaries of `scores.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from brainbrr.atomic_io import atomic_write
from brainbrr.scoring.counts import Counts, Values, defined

SZCORE_RATES = ("sensitivity", "precision", "f1", "fp_per_day")
Scores = dict[str, Any]


def szcore_scores(counts: Counts) -> Scores:
    """Return counts and rates of one set of recordings under SzCORE's names."""
    numbers = {name: defined(getattr(counts, name)) for name in ("tp", "fp", "ref_true")}
    return {**numbers, **{name: defined(getattr(counts, name)) for name in SZCORE_RATES}}


def nedc_scores(counts: Counts, unit_s: float = 1.0) -> Scores:
    """Return counts and rates of one set of recordings under NEDC's names.

    Args:
        unit_s: duration of one false alarm if false alarms are epochs; 1 if they are events.
    """
    numbers = {name: defined(getattr(counts, name)) for name in ("tp", "fp", "fn")}
    rates = _nedc_rates(counts, unit_s)
    return {**numbers, **{name: defined(rate) for name, rate in rates.items()}}


def szcore_summary(subjects: Counts) -> Scores:
    """Return the mean of the subjects' rates and the rates of the pooled counts.

    Args:
        subjects: counts of each subject, fields of shape `(subjects,)`.
    """
    rates = {name: getattr(subjects, name) for name in SZCORE_RATES}
    means = {name: float(np.mean(getattr(subjects, name))) for name in ("tp", "fp", "ref_true")}
    return {
        "subject_mean": {**means, **subject_mean(rates)},
        "pooled": szcore_scores(subjects.total()),
    }


def legacy_f1(subjects: Counts) -> Scores:
    """Return F1 as defined before 2026, for comparison with older tables."""
    mean = subject_mean({"f1": subjects.legacy_f1})
    return {
        "subject_mean": mean["f1"],
        "pooled": defined(subjects.total().legacy_f1),
        "n_subjects": mean["n_subjects"]["f1"],
    }


def nedc_summary(subjects: Counts, unit_s: float = 1.0) -> Scores:
    """Return the rates of the pooled counts, and the mean of the subjects' rates."""
    rates = _nedc_rates(subjects, unit_s)
    return {**nedc_scores(subjects.total(), unit_s), "subject_mean": subject_mean(rates)}


def subject_mean(rates: dict[str, Values]) -> Scores:
    """Return the mean of each rate over subjects with a defined one; `n_subjects` counts them."""
    valid = {name: rate[~np.isnan(rate)] for name, rate in rates.items()}
    means = {name: float(rate.mean()) if rate.size else None for name, rate in valid.items()}
    return {**means, "n_subjects": {name: rate.size for name, rate in valid.items()}}


def write_scores(scores: Scores, path: str | Path) -> None:
    """Write scores as JSON, atomically; a NaN is a defect and raises ValueError."""
    text = json.dumps(scores, indent=2, allow_nan=False)
    with atomic_write(path) as file:
        file.write(text + "\n")


def _nedc_rates(counts: Counts, unit_s: float) -> dict[str, Values]:
    return {
        "sensitivity": counts.sensitivity,
        "precision": counts.precision,
        "f1": counts.f1,
        "fa_per_24h": counts.fp_per_day * unit_s,
    }
