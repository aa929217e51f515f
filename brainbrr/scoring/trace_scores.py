"""What only probabilities can tell: curves, AUROC and average precision, calibration."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.scoring.bootstrap import interval
from brainbrr.scoring.calibration import (
    count_samples,
    expected_calibration_error,
    reliability,
    tempered,
)
from brainbrr.scoring.curve import (
    Curve,
    SortedSteps,
    at_targets,
    near_targets,
    spread,
    szcore_curve,
    united,
)
from brainbrr.scoring.pairing import Pairs, listed
from brainbrr.scoring.sample_level import SampleHistogram, auroc, average_precision
from brainbrr.scoring.summary import Scores
from brainbrr.scoring.sweep import sweep_recording
from brainbrr.scoring.timeline import Ticks, Timeline


class MissingTrace(BrainbrrError):
    """Recordings whose probabilities are not there, or are those of another length."""


def traces_of(
    pairs: Pairs, traces: Mapping[str, Trace], duration_tolerance_s: float
) -> "OrderedTraces":
    """The traces in the order of the pairs; a recording scored as empty has a trace of zeros.

    Raises:
        MissingTrace: a recording without trace, or with one of another length.
    """
    absent = [name for name in pairs.names if name not in traces and name not in pairs.missing]
    if absent:
        raise MissingTrace(
            f"a trace for each of {len(pairs.names)} recordings",
            f"none for {len(absent)}: {listed(absent)}",
            "Predict them with traces=true, or score without traces.",
        )
    return OrderedTraces(pairs, traces, duration_tolerance_s)


class OrderedTraces(Sequence[Trace]):
    """Traces in the order of the pairs, fetched one at a time: a lazy mapping stays lazy."""

    def __init__(
        self, pairs: Pairs, traces: Mapping[str, Trace], duration_tolerance_s: float
    ) -> None:
        self._pairs = pairs
        self._traces = traces
        self._tolerance_s = duration_tolerance_s

    def __len__(self) -> int:
        return len(self._pairs.names)

    def __getitem__(self, index: int) -> Trace:  # type: ignore[override]
        name, reference = self._pairs.names[index], self._pairs.references[index]
        if name not in self._traces:
            return Trace(np.zeros(max(int(reference.duration_s), 1), np.float32), 1.0, np.empty(0))
        trace = self._traces[name]
        if abs(trace.duration_s - reference.duration_s) > self._tolerance_s:
            raise MissingTrace(
                f"a trace of {reference.duration_s} s for {name}",
                f"one of {trace.duration_s} s",
                "Predict the recording that was annotated, the whole of it.",
            )
        return trace


def score_traces(
    traces: Sequence[Trace],
    references: Sequence[Annotation],
    timeline: Timeline,
    truth: Ticks,
    group: NDArray[np.intp],
    *,
    detection: Detection,
    weights: NDArray[np.float64],
    n_points: int,
    temperature: float | None,
) -> tuple[Scores, Scores]:
    """The entries `curve` and `sample_level`, and the intervals of the first.

    Args:
        truth: seizures on the corpus's clock.
        group: index of each recording's subject.
        detection: smoothing, merging and minimum duration of the curves.
        weights: bootstrap weights, shape `(resamples, subjects)`.
        n_points: points of each curve in the result; sensitivities at a rate come from the whole
            curve.
        temperature: fitted on validation, for the calibration error after scaling.
    """
    samples = count_samples(traces, references)
    steps = [
        sweep_recording(trace, reference.seizure_intervals, detection)
        for trace, reference in zip(traces, references, strict=True)
    ]
    ordered = SortedSteps.of(steps, group, weights.shape[1])
    ovlp = ordered.curve()

    def szcore_at(thresholds: NDArray[np.float32]) -> Curve:
        return szcore_curve(traces, timeline, truth, detection, thresholds=thresholds)

    szcore = szcore_at(spread(ordered.threshold, n_points))
    finer = near_targets(szcore, ordered.threshold, n_points)
    curve = {
        "ovlp": ovlp.points(n_points),
        "szcore": szcore.points(n_points),
        "sensitivity_at_fa": at_targets(ovlp),
        "sensitivity_at_fa_szcore": at_targets(united(szcore, szcore_at(finer))),
    }
    resampled = ordered.resampled_targets(weights)
    at_fa = {name: interval(values) for name, values in resampled.items()}
    scores = {"curve": curve, "sample_level": _sample_level(samples, temperature)}
    return scores, {"curve": {"sensitivity_at_fa": at_fa}}


def _sample_level(samples: SampleHistogram, temperature: float | None) -> Scores:
    area, area_bound = auroc(samples)
    precision, precision_bound = average_precision(samples)
    scores: Scores = {
        "auroc": area,
        "auroc_error_bound": area_bound,
        "average_precision": precision,
        "average_precision_error_bound": precision_bound,
        "ece": expected_calibration_error(samples),
        "n_samples": int(samples.n.sum()),
        "reliability": reliability(samples),
    }
    if temperature is not None:
        scaled = tempered(samples, temperature)
        scores["temperature"] = temperature
        scores["ece_after_temperature"] = expected_calibration_error(scaled)
    return scores
