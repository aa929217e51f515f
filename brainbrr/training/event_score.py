"""What validation traces are worth: thresholds tuned on them, and the score with these."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.manifest import ManifestRow
from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import detect
from brainbrr.events.intervals import to_mask
from brainbrr.events.trace import Trace
from brainbrr.scoring.corpus import score_corpus
from brainbrr.scoring.tuning import Tuned
from brainbrr.training.validation import ValidationScore

MEASURES = {"event_f1": "f1", "event_sensitivity": "sensitivity", "fp_per_24h": "fp_per_day"}
"""Metric to its name in the SzCORE event score, mean over subjects."""


class EventScore:
    """Tunes the detection on validation recordings and scores it by the function that judges a
    release.

    Args:
        rows: the validation recordings, in the order in which their traces will come.
        tune: `brainbrr.scoring.tuning.tune` with its settings.
    """

    def __init__(self, rows: Sequence[ManifestRow], tune: Callable[..., Tuned]) -> None:
        self._names = [row.recording_id for row in rows]
        self._subjects = {row.recording_id: row.subject for row in rows}
        self._tune = tune

    def __call__(
        self, traces: Sequence[Trace], references: Sequence[Annotation]
    ) -> ValidationScore:
        """SzCORE event scores by name, and the detection they were reached with."""
        by_name = dict(zip(self._names, traces, strict=True))
        truth = dict(zip(self._names, references, strict=True))
        tuned = self._tune(by_name, truth, split="val", subjects=self._subjects)
        found = {name: detect(trace, tuned.detection) for name, trace in by_name.items()}
        scores = score_corpus(truth, found, subjects=self._subjects)
        event = scores["szcore"]["event"]["subject_mean"]
        # Undefined where no subject has a seizure or an alarm: as low as a score can be.
        metrics = {name: event[measure] or 0.0 for name, measure in MEASURES.items()}
        metrics["average_precision"] = average_precision(traces, references)
        return ValidationScore(metrics, tuned.detection)


def average_precision(traces: Sequence[Trace], references: Sequence[Annotation]) -> float:
    """Mean precision over all thresholds, sample by sample over all recorded time.

    The step-wise sum of precision times the gain in recall, equal probabilities taken together; 0
    where there is no seizure.
    """
    probability, truth = (
        np.concatenate(parts)
        for parts in zip(*map(_recorded_samples, traces, references), strict=True)
    )
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(truth[order])
    last_of_equals = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    found = hits[last_of_equals]
    precision = found / (last_of_equals + 1)
    return float(np.sum(precision * np.diff(found, prepend=0)) / max(hits[-1], 1))


def _recorded_samples(
    trace: Trace, reference: Annotation
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    size = trace.probability.size
    truth = to_mask(reference.seizure_intervals, size, trace.rate_hz)
    recorded = ~to_mask(trace.gaps, size, trace.rate_hz)
    return trace.probability[recorded], truth[recorded]
