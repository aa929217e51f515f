"""Scores of a whole corpus under both standards: the content of `scores.json`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
from numpy.typing import NDArray

import brainbrr
from brainbrr.errors import InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.scoring import nedc, szcore
from brainbrr.scoring.bootstrap import (
    FEWEST_PATIENTS,
    differences,
    draw_patients,
    intervals,
    resample,
)
from brainbrr.scoring.counts import Counts, Values, defined
from brainbrr.scoring.pairing import Pairs, listed, pair
from brainbrr.scoring.seizures import (
    boundary_error,
    by_duration,
    by_type,
    follow_seizures,
    latency,
)
from brainbrr.scoring.summary import (
    Scores,
    legacy_f1,
    nedc_scores,
    nedc_summary,
    szcore_scores,
    szcore_summary,
)
from brainbrr.scoring.timeline import Ticks, Timeline
from brainbrr.scoring.trace_scores import score_traces, traces_of

Scorer = Callable[[Timeline, Ticks, Ticks], Counts]
SZCORE: dict[str, Scorer] = {"event": szcore.event_counts, "sample": szcore.sample_counts}
NEDC: dict[str, Scorer] = {
    "dpalign": nedc.dpalign_counts,
    "epoch": nedc.epoch_counts,
    "ovlp": nedc.ovlp_counts,
    "taes": nedc.taes_counts,
    "taes_v6": partial(nedc.taes_counts, v6=True),
}
# Duration of one false alarm: NEDC's epoch metric counts them in epochs.
UNIT_S = {"epoch": nedc.EPOCH_S}


def score_corpus(
    references: Mapping[str, Annotation],
    hypotheses: Mapping[str, Annotation],
    traces: Mapping[str, Trace] | None = None,
    *,
    subjects: Mapping[str, str] | None = None,
    missing: str = "raise",
    against: Mapping[str, Annotation] | None = None,
    detection: Detection | None = None,
    calibration: Calibration | None = None,
    duration_tolerance_s: float = 0.5,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score predicted seizures against annotated ones, under SzCORE and NEDC, per subject and
    pooled.

    Args:
        references, hypotheses: annotations by recording.
        traces: probabilities by recording; curves and sample-level scores need them. A lazy mapping
            is read one trace at a time, several times.
        subjects: subject of each recording; None if each recording is a subject of its own.
        missing: `raise`, or `empty` to score a missing hypothesis as one without events.
        against: another system's hypotheses, for paired differences on the same patients.
        detection: smoothing, merging and minimum duration of the curves; its thresholds are not
            used.
        calibration: of `brainbrr.scoring.calibration.fit_calibration`, fitted on validation.
        duration_tolerance_s: largest difference of the durations of reference and hypothesis.
        n_resamples: of the bootstrap over patients.
        seed: of the bootstrap.

    Returns:
        the content of `scores.json`; undefined numbers are None.

    Raises:
        NotFound, InvalidInput: see `brainbrr.scoring.pairing.pair`; a recording without trace or
            subject, or with a trace of another duration.
    """
    pairs = pair(references, hypotheses, missing, duration_tolerance_s)
    ordered = None if traces is None else traces_of(pairs, traces, duration_tolerance_s)
    timeline = Timeline.of(
        [reference.duration_s for reference in pairs.references],
        None if ordered is None else [trace.recorded_s for trace in ordered],
    )
    names, group = group_by_subject(pairs.names, subjects)
    by_subject = count_by_subject(pairs, timeline, group)
    weights = draw_patients(len(names), n_resamples, seed)
    scores = {
        "szcore": _szcore(by_subject),
        "nedc": _nedc(by_subject, nedc.n_epochs(timeline).sum()),
        **_seizures(pairs),
        "worst_decile": worst_decile(names, by_subject["ovlp"]),
        "intervals_95": intervals(resample(by_subject, weights)),
        "subjects": _subjects(names, by_subject, np.bincount(group)),
        "files": _files(pairs),
        "definitions": definitions(n_resamples, seed, detection or Detection()),
    }
    if ordered is not None:
        trace_scores, spreads = score_traces(
            ordered,
            pairs.references,
            group,
            detection=detection or Detection(),
            weights=weights,
            calibration=calibration,
        )
        scores = {**scores, **trace_scores}
        scores["intervals_95"] = {**scores["intervals_95"], **spreads}
    if against is not None:
        other = pair(references, against, missing, duration_tolerance_s)
        counts = count_by_subject(other, timeline, group)
        scores["against"] = differences(by_subject, counts, weights)
        scores["files"]["missing_against"] = list(other.missing)
    return scores


def count_by_subject(
    pairs: Pairs, timeline: Timeline, group: NDArray[np.intp]
) -> dict[str, Counts]:
    """Count every metric, fields of shape `(subjects,)`; `group` holds each recording's subject."""
    truth = timeline.place([reference.seizure_intervals for reference in pairs.references])
    claim = timeline.place([hypothesis.seizure_intervals for hypothesis in pairs.hypotheses])
    n_subjects = int(group.max()) + 1
    return {
        metric: scorer(timeline, truth, claim).grouped(group, n_subjects)
        for metric, scorer in {**SZCORE, **NEDC}.items()
    }


def group_by_subject(
    recordings: Sequence[str], subjects: Mapping[str, str] | None
) -> tuple[list[str], NDArray[np.intp]]:
    """Return the sorted subjects, and the index of each recording's subject among them.

    Raises:
        InvalidInput: `subjects` leaves a recording out.
    """
    unknown = [name for name in recordings if subjects is not None and name not in subjects]
    if unknown:
        raise InvalidInput(
            "a subject for each recording", f"none for {listed(unknown)}", "Complete the mapping."
        )
    of_recording = [name if subjects is None else subjects[name] for name in recordings]
    names, group = np.unique(of_recording, return_inverse=True)
    return [str(name) for name in names], group.reshape(-1)


def worst_decile(names: Sequence[str], ovlp: Counts) -> Scores:
    """Return the tenth of subjects with the most false alarms, and that with least sensitivity."""

    def tenth(rate: Values, sign: float) -> tuple[float | None, str]:
        valid = np.flatnonzero(~np.isnan(rate))
        order = valid[np.argsort(sign * rate[valid], kind="stable")]
        worst = order[: max(round(len(valid) / 10), 1)]
        mean = float(rate[worst].mean()) if len(worst) else None
        return mean, ", ".join(names[i] for i in worst)

    alarms, noisiest = tenth(ovlp.fp_per_day, -1.0)
    sensitivity, least_found = tenth(ovlp.sensitivity, 1.0)
    return {
        "fa_per_24h": alarms,
        "noisiest": noisiest,
        "sensitivity": sensitivity,
        "least_found": least_found,
    }


def definitions(n_resamples: int, seed: int, detection: Detection) -> Scores:
    """Return the versions and parameters without which two tables cannot be compared."""
    post = asdict(detection)
    return {
        "brainbrr": brainbrr.__version__,
        "szcore": {"as_in": "timescoring 0.0.7", **asdict(szcore.SzcoreRules())},
        "f1": "2 tp / (2 tp + fp + fn), undefined only without any event",
        "legacy_f1": "undefined wherever sensitivity or precision is; such subjects leave the mean",
        "nedc": {
            "as_in": "Shah et al. 2021; taes_v6 as in nedc_eeg_eval 6.0.0",
            "epoch_s": nedc.EPOCH_S,
            "events": "sorted, clipped to the recording, overlapping and touching ones united",
        },
        "latency_s, by_duration, by_type, boundary_error_s, worst_decile": "NEDC OVLP",
        "curve": {
            "threshold": "on = off; exact at every threshold: sensitivity at a rate is taken from"
            " all of them, and those listed are a selection",
            **{name: post[name] for name in ("smoothing_s", "merge_gap_s", "min_duration_s")},
        },
        "intervals_95": {
            "resampled": "patients",
            "fewest_patients": FEWEST_PATIENTS,
            "n_resamples": n_resamples,
            "seed": seed,
        },
    }


def _seizures(pairs: Pairs) -> Scores:
    seizures = follow_seizures(pairs.references, pairs.hypotheses)
    return {
        "latency_s": latency(seizures),
        "by_duration": by_duration(seizures),
        "by_type": by_type(seizures),
        "boundary_error_s": boundary_error(seizures),
    }


def _szcore(by_subject: dict[str, Counts]) -> Scores:
    event = {**szcore_summary(by_subject["event"]), "legacy_f1": legacy_f1(by_subject["event"])}
    return {"event": event, "sample": szcore_summary(by_subject["sample"])}


def _nedc(by_subject: dict[str, Counts], n_epochs: np.float64) -> Scores:
    scores: Scores = {
        metric: nedc_summary(by_subject[metric], UNIT_S.get(metric, 1.0)) for metric in NEDC
    }
    kappa = nedc.kappa(by_subject["epoch"].total(), np.asarray(n_epochs))
    return {**scores, "ira": {"kappa": defined(kappa)}}


def _subjects(
    names: list[str], by_subject: dict[str, Counts], n_recordings: NDArray[np.intp]
) -> Scores:
    return {
        name: {
            "recordings": int(n_recordings[i]),
            "duration_s": float(by_subject["event"].duration_s[i]),
            "szcore": {metric: szcore_scores(by_subject[metric][i]) for metric in SZCORE},
            "nedc": {
                metric: nedc_scores(by_subject[metric][i], UNIT_S.get(metric, 1.0))
                for metric in NEDC
            },
        }
        for i, name in enumerate(names)
    }


def _files(pairs: Pairs) -> Scores:
    return {
        "expected": len(pairs.names),
        "scored": len(pairs.names) - len(pairs.missing),
        "missing": list(pairs.missing),
        "unreferenced": list(pairs.unreferenced),
    }
