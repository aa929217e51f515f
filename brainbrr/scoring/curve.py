"""Sensitivity against false alarms per 24 h over thresholds, on = off."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.scoring.counts import DAY_S, Values, defined, ratio
from brainbrr.scoring.summary import Scores
from brainbrr.scoring.sweep import Steps

TARGETS = {"10": 10.0, "5": 5.0, "2.5": 2.5, "1": 1.0}


@dataclass(frozen=True)
class Curve:
    """Operating points by descending threshold, axes `(thresholds,)`.

    Attributes:
        threshold: each point holds from its threshold up to the previous one.
        sensitivity: NaN without seizures.
        fa_per_24h: false alarms in 24 h of recorded time.
        n_seizures: annotated seizures.
    """

    threshold: NDArray[np.float64]
    sensitivity: Values
    fa_per_24h: Values
    n_seizures: float

    def sensitivity_at(self, fa_per_24h: float) -> float | None:
        """Return the highest sensitivity, from the highest threshold downwards, before the false
        alarms first exceed a rate; 0 if they do at once.

        Below that point false alarms merge: at a threshold of 0 a recording is one event, which
        finds every seizure and, under OVLP, is not a false alarm. Such a threshold is not an
        operating point.
        """
        if not self.n_seizures:
            return None
        worst = np.maximum.accumulate(self.fa_per_24h)
        return float(self.sensitivity[worst <= fa_per_24h].max(initial=0.0))

    def points(self) -> list[Scores]:
        """Return the points that `sensitivity_at` can depend on, and the first and the last.

        Those are the points at which, from the highest threshold downwards, sensitivity reaches a
        new maximum, and the last maximum of false alarms before each of them.
        """
        index = np.arange(len(self.threshold))
        if len(index):
            found = np.flatnonzero(_is_new_maximum(self.sensitivity))
            alarms = np.flatnonzero(_is_new_maximum(self.fa_per_24h))
            before = alarms[np.searchsorted(alarms, found, side="right") - 1]
            index = np.unique(np.concatenate([[0], found, before, [alarms[-1]], index[-1:]]))
        return [
            {
                "threshold": float(self.threshold[i]),
                "sensitivity": defined(self.sensitivity[i]),
                "fa_per_24h": defined(self.fa_per_24h[i]),
            }
            for i in index
        ]


@dataclass(frozen=True)
class SortedSteps:
    """All steps of a corpus by descending threshold, each with its subject."""

    threshold: NDArray[np.float32]
    hit: NDArray[np.int8]
    change: NDArray[np.int32]
    subject: NDArray[np.intp]
    n_seizures: Values
    recorded_s: Values

    @classmethod
    def of(
        cls, steps: Sequence[Steps], subject: NDArray[np.intp], n_subjects: int
    ) -> "SortedSteps":
        """Sort the steps of each recording into one list.

        Args:
            subject: index of each recording's subject.
        """
        hits = [recording.hits[recording.hits > 0] for recording in steps]
        sizes = [(len(h), len(recording.alarms)) for h, recording in zip(hits, steps, strict=True)]
        threshold = np.concatenate(
            [part for h, r in zip(hits, steps, strict=True) for part in (h, r.alarms)]
        )
        hit = np.concatenate([np.repeat([1, 0], size) for size in sizes]).astype(np.int8)
        change = np.concatenate(
            [
                part
                for h, r in zip(hits, steps, strict=True)
                for part in (np.zeros(len(h), np.int32), r.change)
            ]
        ).astype(np.int32)
        order = np.argsort(-threshold, kind="stable")
        owner = np.repeat(subject, [sum(size) for size in sizes])
        return cls(
            threshold[order],
            hit[order],
            change[order],
            owner[order],
            _summed([len(recording.hits) for recording in steps], subject, n_subjects),
            _summed([recording.recorded_s for recording in steps], subject, n_subjects),
        )

    def curve(self, weights: Values | None = None) -> Curve:
        """Compute the exact curve; `weights` `(subjects,)` is how often each subject counts."""
        weights = np.ones(len(self.recorded_s)) if weights is None else weights
        last = np.flatnonzero(np.diff(self.threshold, append=np.float32(-1.0)))
        weight = weights[self.subject]
        hits = np.cumsum(weight * self.hit)[last]
        alarms = np.cumsum(weight * self.change)[last]
        return Curve(
            self.threshold[last].astype(np.float64),
            ratio(hits, np.full(len(last), weights @ self.n_seizures)),
            ratio(alarms * DAY_S, np.full(len(last), weights @ self.recorded_s)),
            float(weights @ self.n_seizures),
        )

    def resampled_targets(self, weights: NDArray[np.float64]) -> dict[str, Values]:
        """Compute the sensitivity at each target in each resample, NaN if undefined."""
        sensitivities: dict[str, list[float]] = {name: [] for name in TARGETS}
        for row in weights:
            curve = self.curve(row)
            for name, target in TARGETS.items():
                value = curve.sensitivity_at(target)
                sensitivities[name].append(np.nan if value is None else value)
        return {name: np.array(values) for name, values in sensitivities.items()}


def at_targets(curve: Curve) -> Scores:
    """Return the sensitivity at 10, 5, 2.5 and 1 false alarms in 24 h."""
    return {name: curve.sensitivity_at(target) for name, target in TARGETS.items()}


def _is_new_maximum(values: Values) -> NDArray[np.bool_]:
    highest = np.maximum.accumulate(values)
    return np.concatenate([[True], highest[1:] > highest[:-1]])


def _summed(values: Sequence[float], group: NDArray[np.intp], n_groups: int) -> Values:
    return np.bincount(group, values, n_groups).astype(np.float64)
