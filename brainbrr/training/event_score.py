"""Event scores of validation traces, with detection thresholds tuned on the same traces."""

import math
from collections.abc import Callable, Sequence

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import detect
from brainbrr.events.trace import Trace
from brainbrr.scoring.corpus import score_corpus
from brainbrr.scoring.tuning import Tuned
from brainbrr.training.validation import ValidationScore

MEASURES = {"event_f1": "f1", "event_sensitivity": "sensitivity", "fp_per_24h": "fp_per_day"}
"""Metric to its name in the SzCORE event score, mean over subjects."""
LOWER_IS_BETTER = {"fp_per_24h"}
"""Metrics that cannot be monitored: the best checkpoint is that of the highest value."""


class EventScore:
    """Tunes the detection on validation recordings and scores it with the function that scores a
    release.

    Args:
        rows: the validation recordings, in the order of their traces.
        tune: `brainbrr.scoring.tuning.tune` with its settings.
    """

    def __init__(self, rows: Sequence[ManifestRow], tune: Callable[..., Tuned]) -> None:
        self._names = [row.recording_id for row in rows]
        self._subjects = {row.recording_id: row.subject for row in rows}
        self._tune = tune

    def __call__(
        self, traces: Sequence[Trace], references: Sequence[Annotation]
    ) -> ValidationScore:
        """Return SzCORE event scores by name, NaN if undefined, and the tuned detection."""
        by_name = dict(zip(self._names, traces, strict=True))
        truth = dict(zip(self._names, references, strict=True))
        tuned = self._tune(by_name, truth, split="val", subjects=self._subjects)
        detected = {name: detect(trace, tuned.detection) for name, trace in by_name.items()}
        scores = score_corpus(
            truth,
            detected,
            by_name,
            subjects=self._subjects,
            detection=tuned.detection,
            calibration=tuned.calibration,
            n_resamples=0,
        )
        event, samples = scores["szcore"]["event"]["subject_mean"], scores["sample_level"]
        at_rates = scores["curve"]["sensitivity_at_fa"]
        metrics = {name: event[measure] for name, measure in MEASURES.items()}
        metrics |= {name: samples[name] for name in ("average_precision", "auroc")}
        metrics |= {f"sensitivity_at_{rate}fa": value for rate, value in at_rates.items()}
        return ValidationScore(
            {name: math.nan if value is None else value for name, value in metrics.items()},
            tuned.detection,
            scores,
            tuned.table.get("alarm_budget"),
            tuned.calibration,
        )
