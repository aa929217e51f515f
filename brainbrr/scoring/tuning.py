"""Detection thresholds and post-processing, chosen on the validation split only."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection, smoothed_level
from brainbrr.events.trace import Trace
from brainbrr.scoring.alarm_budget import choose_threshold
from brainbrr.scoring.calibration import fit_calibration, require_validation
from brainbrr.scoring.corpus import group_by_subject
from brainbrr.scoring.counts import Counts, defined
from brainbrr.scoring.crossings import Crossings, find_crossings
from brainbrr.scoring.nedc import ovlp_counts
from brainbrr.scoring.pairing import pair
from brainbrr.scoring.summary import Scores, subject_mean
from brainbrr.scoring.szcore import event_counts
from brainbrr.scoring.timeline import Ticks, Timeline

log = logging.getLogger(__name__)

ON_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SCORERS = {"szcore": event_counts, "ovlp": ovlp_counts}
OBJECTIVES = ("event_f1", "sensitivity")


class Tuned(NamedTuple):
    """The chosen detection, how it was chosen (plain values for JSON), and the calibration."""

    detection: Detection
    table: Scores
    calibration: Calibration = Calibration()


def tune(
    traces: Mapping[str, Trace],
    references: Mapping[str, Annotation],
    base: Detection | None = None,
    *,
    split: str,
    subjects: Mapping[str, str] | None = None,
    objective: str = "event_f1",
    average: str = "subject_mean",
    standard: str = "szcore",
    target_fa_per_24h: float | None = None,
    alarm_budget: float | None = None,
    coverage: float = 0.9,
    on_thresholds: Sequence[float] = ON_THRESHOLDS,
    off_over_on: Sequence[float] = (1.0, 0.8, 0.5),
    smoothing_s: Sequence[float] | None = None,
    merge_gap_s: Sequence[float] | None = None,
    min_duration_s: Sequence[float] | None = None,
) -> Tuned:
    """Choose how traces become events, on the validation split.

    Args:
        traces, references: validation recordings by name.
        base: settings that the grid does not replace.
        split: the split these recordings belong to; only the validation split is accepted.
        subjects: subject of each recording; None if each recording is a subject of its own.
        objective: what to maximize: `event_f1`, or `sensitivity` within `target_fa_per_24h`.
        average: `subject_mean`, the standard's, or `pooled`.
        standard: whose events are counted: `szcore` or `ovlp`.
        target_fa_per_24h: the most false alarms in 24 h, pooled, if sensitivity is maximized.
        alarm_budget: false alarms in 24 h that a new patient must not exceed; replaces the grid by
            the conformal choice of `brainbrr.scoring.alarm_budget`, with on = off.
        coverage: the probability with which the budget must hold.
        on_thresholds, off_over_on, smoothing_s, merge_gap_s, min_duration_s: the grid, with the
            lower threshold as a fraction of the upper one; None keeps the base's value.

    Returns:
        the detection; a table with the split, the objective and one row per setting that was tried;
        and the calibration fitted on the same recordings. The table states if the objective is
        undefined everywhere (no seizure, no alarm), or if nothing meets the target.

    Raises:
        InvalidOption: `split` is not the validation split, or an unknown objective.
        NotFound, InvalidInput: the traces are not those of the references.
    """
    require_validation(split)
    _check(objective, average, standard, target_fa_per_24h)
    base = base or Detection()
    corpus = _Corpus.of(traces, references, subjects)
    calibration = fit_calibration(traces, references, split=split)
    if alarm_budget is not None:
        budget = choose_threshold(
            traces,
            references,
            base,
            budget_per_24h=alarm_budget,
            coverage=coverage,
            subjects=subjects,
        )
        table = {"split": "val", "alarm_budget": budget.to_json(), "rows": []}
        return Tuned(budget.detection, table, calibration)
    candidates = _candidates(
        traces,
        corpus,
        [(on, on * fraction) for on, fraction in product(on_thresholds, off_over_on)],
        (base.smoothing_s,) if smoothing_s is None else smoothing_s,
        (base.merge_gap_s,) if merge_gap_s is None else merge_gap_s,
        (base.min_duration_s,) if min_duration_s is None else min_duration_s,
    )
    tried = [
        _row(detection, SCORERS[standard](corpus.timeline, corpus.reference, events), corpus)
        for detection, events in candidates
    ]
    table = {"split": "val", "objective": objective, "average": average, "standard": standard}
    return _choose(base, tried, table, target_fa_per_24h)._replace(calibration=calibration)


class _Corpus(NamedTuple):
    names: tuple[str, ...]
    timeline: Timeline
    reference: Ticks
    group: NDArray[np.intp]
    n_subjects: int

    @classmethod
    def of(
        cls,
        traces: Mapping[str, Trace],
        references: Mapping[str, Annotation],
        subjects: Mapping[str, str] | None,
    ) -> "_Corpus":
        lengths = {name: Annotation((), trace.duration_s) for name, trace in traces.items()}
        pairs = pair(references, lengths)
        recorded_s = [traces[name].recorded_s for name in pairs.names]
        timeline = Timeline.of([reference.duration_s for reference in pairs.references], recorded_s)
        names, group = group_by_subject(pairs.names, subjects)
        reference = timeline.place([reference.seizure_intervals for reference in pairs.references])
        return cls(pairs.names, timeline, reference, group, len(names))


def _candidates(
    traces: Mapping[str, Trace],
    corpus: _Corpus,
    pairs: Sequence[tuple[float, float]],
    smoothings_s: Sequence[float],
    gaps_s: Sequence[float],
    shortest_s: Sequence[float],
) -> Iterator[tuple[Detection, Ticks]]:
    """Yield each setting of the grid with its events; the traces are read once per smoothing."""
    thresholds = np.unique(np.asarray(pairs, dtype=np.float32))
    ordered = [traces[name] for name in corpus.names]
    for smoothing_s in smoothings_s:
        crossings: Crossings = find_crossings(
            ordered, partial(smoothed_level, smoothing_s=smoothing_s), thresholds
        )
        for on, off in pairs:
            runs = crossings.hysteresis(on, off)
            for gap_s, min_s in product(gaps_s, shortest_s):
                detection = Detection(on, off, smoothing_s, gap_s, min_s)
                yield detection, crossings.events(runs, gap_s, min_s, corpus.timeline)


def _row(detection: Detection, counts: Counts, corpus: _Corpus) -> Scores:
    subjects = counts.grouped(corpus.group, corpus.n_subjects)
    pooled = counts.total()
    names = ("sensitivity", "precision", "f1", "fp_per_day")
    mean = subject_mean({name: getattr(subjects, name) for name in names})
    return {
        **asdict(detection),
        "subject_mean": mean,
        "pooled": {name: defined(getattr(pooled, name)) for name in names},
    }


def _choose(
    base: Detection, tried: list[Scores], table: Scores, target_fa_per_24h: float | None
) -> Tuned:
    measure = "f1" if table["objective"] == "event_f1" else "sensitivity"
    allowed = tried
    if target_fa_per_24h is not None:
        allowed = [row for row in tried if _alarms(row) <= target_fa_per_24h]
        table = {**table, "target_fa_per_24h": target_fa_per_24h, "target_met": bool(allowed)}
    valued = [row for row in allowed if row[table["average"]][measure] is not None]
    # Among equals the fewest false alarms, then the highest threshold.
    best = max(
        valued,
        key=lambda row: (
            row[table["average"]][measure],
            -_alarms(row),
            row["on_threshold"],
            row["off_threshold"],
        ),
        default=None,
    )
    if best is None and target_fa_per_24h is not None and not allowed:
        best = min(tried, key=_alarms)
        log.warning("no setting stays within %g false alarms in 24 h", target_fa_per_24h)
    if best is None:
        log.warning("%s is undefined on these recordings; thresholds are unchanged", measure)
        return Tuned(base, {**table, "chosen": None, "rows": tried})
    settings = {name: best[name] for name in asdict(base)}
    return Tuned(replace(base, **settings), {**table, "chosen": best, "rows": tried})


def _alarms(row: Scores) -> float:
    # Undefined if nothing was recorded: then there were no alarms either.
    return float(row["pooled"]["fp_per_day"] or 0.0)


def _check(objective: str, average: str, standard: str, target_fa_per_24h: float | None) -> None:
    choices_of = {
        "objective": (objective, OBJECTIVES),
        "average": (average, ("subject_mean", "pooled")),
        "standard": (standard, tuple(SCORERS)),
    }
    for name, (value, choices) in choices_of.items():
        if value not in choices:
            raise InvalidOption(f"{name} in {', '.join(choices)}", f"{value!r}", "Choose one.")
    if objective == "sensitivity" and target_fa_per_24h is None:
        raise InvalidOption(
            "target_fa_per_24h with objective=sensitivity",
            "none",
            "Without a limit the lowest threshold always wins.",
        )
