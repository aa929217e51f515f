"""Scores of a whole corpus under both standards: the content of `scores.json`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.trace import Trace
from brainbrr.scoring import nedc, szcore
from brainbrr.scoring.counts import Counts, defined
from brainbrr.scoring.pairing import Pairs, listed, pair
from brainbrr.scoring.summary import (
    Scores,
    legacy_f1,
    nedc_scores,
    nedc_summary,
    szcore_scores,
    szcore_summary,
)
from brainbrr.scoring.timeline import Ticks, Timeline

Scorer = Callable[[Timeline, Ticks, Ticks], Counts]
SZCORE: dict[str, Scorer] = {"event": szcore.event_counts, "sample": szcore.sample_counts}
NEDC: dict[str, Scorer] = {
    "dpalign": nedc.dpalign_counts,
    "epoch": nedc.epoch_counts,
    "ovlp": nedc.ovlp_counts,
    "taes": nedc.taes_counts,
    "taes_v6": partial(nedc.taes_counts, v6=True),
}
# What one false alarm lasts: NEDC's epoch metric counts them in epochs.
UNIT_S = {"epoch": nedc.EPOCH_S}


class UnknownSubject(BrainbrrError):
    """Recordings whose subject nobody named."""


def score_corpus(
    references: Mapping[str, Annotation],
    hypotheses: Mapping[str, Annotation],
    traces: Mapping[str, Trace] | None = None,
    *,
    subjects: Mapping[str, str] | None = None,
    missing: str = "raise",
    duration_tolerance_s: float = 0.5,
) -> Scores:
    """Score predicted seizures against annotated ones, under SzCORE and NEDC, per subject and
    pooled.

    Args:
        references, hypotheses: annotations by recording.
        traces: probabilities by recording; curves and sample-level scores need them.
        subjects: subject of each recording; None where each recording is a subject of its own.
        missing: `raise`, or `empty` to score a missing hypothesis as one without events.
        duration_tolerance_s: how far the durations of reference and hypothesis may lie apart.

    Returns:
        the content of `scores.json`; undefined numbers are None.

    Raises:
        MissingHypothesis, DurationMismatch, EmptyCorpus: see `brainbrr.scoring.pairing.pair`.
        UnknownSubject: `subjects` leaves a recording out.
    """
    pairs = pair(references, hypotheses, missing, duration_tolerance_s)
    timeline = Timeline.of([one.duration_s for one in pairs.references])
    truth = timeline.place([one.seizure_intervals for one in pairs.references])
    claim = timeline.place([one.seizure_intervals for one in pairs.hypotheses])
    names, group = group_by_subject(pairs.names, subjects)
    by_subject = {
        metric: scorer(timeline, truth, claim).grouped(group, len(names))
        for metric, scorer in {**SZCORE, **NEDC}.items()
    }
    n_epochs = np.bincount(group, nedc.n_epochs(timeline), len(names))
    return {
        "szcore": _szcore(by_subject),
        "nedc": _nedc(by_subject, float(n_epochs.sum())),
        "subjects": _subjects(names, by_subject, np.bincount(group)),
        "files": _files(pairs),
    }


def group_by_subject(
    recordings: Sequence[str], subjects: Mapping[str, str] | None
) -> tuple[list[str], NDArray[np.intp]]:
    """Sorted subjects, and the index of each recording's subject among them.

    Raises:
        UnknownSubject: `subjects` leaves a recording out.
    """
    unknown = [one for one in recordings if subjects is not None and one not in subjects]
    if unknown:
        raise UnknownSubject(
            "a subject for each recording", f"none for {listed(unknown)}", "Complete the mapping."
        )
    of_recording = [one if subjects is None else subjects[one] for one in recordings]
    names, group = np.unique(of_recording, return_inverse=True)
    return [str(name) for name in names], group.reshape(-1)


def _szcore(by_subject: dict[str, Counts]) -> Scores:
    event = {**szcore_summary(by_subject["event"]), "legacy_f1": legacy_f1(by_subject["event"])}
    return {"event": event, "sample": szcore_summary(by_subject["sample"])}


def _nedc(by_subject: dict[str, Counts], n_epochs: float) -> Scores:
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
