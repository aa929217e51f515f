"""A threshold that keeps a new patient's false alarms within a budget, with a stated probability.

Split-conformal choice (Vovk et al. 2005; Angelopoulos et al. 2022, conformal risk control): each
validation patient has a lowest threshold such that the alarms stay within the budget at it and at
every higher one. For a new patient exchangeable with them, the k-th smallest of n
such thresholds suffices with probability k / (n + 1).
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.scoring.counts import DAY_S
from brainbrr.scoring.summary import Scores
from brainbrr.scoring.sweep import Steps, combine, sweep_recording

log = logging.getLogger(__name__)
# At very low thresholds a recording is a single alarm and keeps any budget. A higher threshold
# keeps every promise that a lower one does.
LOWEST_THRESHOLD = 0.05


@dataclass(frozen=True)
class AlarmBudget:
    """A promised alarm budget, and the data it rests on.

    Attributes:
        detection: settings at the chosen threshold, on = off.
        budget_per_24h: false alarms (NEDC OVLP) in 24 h of recording.
        coverage: the probability asked for.
        promised: the probability that holds for a new patient; None if nothing can be promised.
        reason: why nothing can be promised, or None.
        n_patients: validation patients.
        n_short: those recorded so briefly that a single alarm exceeds the budget.
        threshold_by_patient: the lowest threshold that keeps each patient within the budget; above
            1 if none does.
    """

    detection: Detection
    budget_per_24h: float
    coverage: float
    promised: float | None
    reason: str | None
    n_patients: int
    n_short: int
    threshold_by_patient: dict[str, float]

    def to_json(self) -> Scores:
        """Return plain values for scores, detector and card."""
        return {
            "budget_per_24h": self.budget_per_24h,
            "coverage": self.coverage,
            "promised": self.promised,
            "reason": self.reason,
            "threshold": self.detection.on_threshold,
            "n_patients": self.n_patients,
            "n_short_patients": self.n_short,
        }


def choose_threshold(
    traces: Mapping[str, Trace],
    references: Mapping[str, Annotation],
    base: Detection,
    *,
    budget_per_24h: float,
    coverage: float = 0.9,
    subjects: Mapping[str, str] | None = None,
) -> AlarmBudget:
    """Choose the lowest threshold whose promise reaches `coverage`.

    If there are too few patients, or too few hours of them, for a promise, the highest of the
    patients' thresholds is taken, nothing is promised, and the result states the reason.

    Args:
        traces, references: validation recordings by name.
        base: smoothing, merging and minimum duration; its thresholds are replaced.
        subjects: patient of each recording; None if each recording is a patient of its own.
    """
    by_patient: dict[str, list[Steps]] = {}
    for name, reference in references.items():
        steps = sweep_recording(traces[name], reference.seizure_intervals, base)
        by_patient.setdefault(name if subjects is None else subjects[name], []).append(steps)
    patients = {patient: combine(steps) for patient, steps in sorted(by_patient.items())}
    lowest = {
        patient: lowest_threshold(steps, budget_per_24h) for patient, steps in patients.items()
    }
    n_short = sum(budget_per_24h * steps.recorded_s < DAY_S for steps in patients.values())
    rank = math.ceil((len(lowest) + 1) * coverage - 1e-9)
    ordered = sorted(lowest.values())
    threshold = ordered[min(rank, len(ordered)) - 1]
    reason = _reason(len(ordered), rank, n_short, threshold, budget_per_24h)
    if reason:
        log.warning("no alarm budget is promised: %s", reason)
    on = float(np.clip(threshold, LOWEST_THRESHOLD, 1.0))
    return AlarmBudget(
        replace(base, on_threshold=on, off_threshold=on),
        budget_per_24h,
        coverage,
        None if reason else rank / (len(ordered) + 1),
        reason,
        len(ordered),
        n_short,
        lowest,
    )


def lowest_threshold(steps: Steps, budget_per_24h: float) -> float:
    """Return the lowest threshold from which upwards false alarms stay within the budget."""
    thresholds, alarms = steps.false_alarms()
    over = alarms * DAY_S > budget_per_24h * steps.recorded_s
    if not over.any():
        return 0.0
    # Descending thresholds: the first excess is the highest threshold that breaks the budget.
    return float(np.nextafter(thresholds[np.argmax(over)], np.float32(2.0)))


def budget_kept(scores: Mapping[str, Any], budget_per_24h: float) -> tuple[int, int]:
    """Count the scored subjects whose false alarms stayed within a budget, and all of them.

    Args:
        scores: the content of scores.json.
    """
    rates = [subject["nedc"]["ovlp"]["fa_per_24h"] for subject in scores["subjects"].values()]
    defined = [rate for rate in rates if rate is not None]
    return sum(rate <= budget_per_24h for rate in defined), len(defined)


def _reason(
    n_patients: int, rank: int, n_short: int, threshold: float, budget_per_24h: float
) -> str | None:
    if rank > n_patients:
        return f"{n_patients} patients are too few: this coverage needs at least {rank}"
    if 2 * n_short > n_patients:
        return (
            f"{n_short} of {n_patients} patients were recorded for less than"
            f" {24 / budget_per_24h:.1f} h, in which a single alarm exceeds the budget"
        )
    if threshold > 1.0:
        return "for too many patients no threshold keeps the budget"
    return None
