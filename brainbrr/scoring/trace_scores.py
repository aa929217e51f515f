"""Scores that need probabilities: curves, AUROC and average precision, calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput, NotFound
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.scoring.bootstrap import interval
from brainbrr.scoring.calibration import (
    calibrated,
    count_samples,
    expected_calibration_error,
    reliability,
)
from brainbrr.scoring.curve import SortedSteps, at_targets
from brainbrr.scoring.pairing import Pairs, listed
from brainbrr.scoring.sample_bootstrap import PatientSamples, sample_intervals
from brainbrr.scoring.sample_level import SampleHistogram, auroc, average_precision
from brainbrr.scoring.summary import Scores
from brainbrr.scoring.sweep import sweep_recording
from brainbrr.scoring.szcore_sweep import sweep_szcore


def traces_of(
    pairs: Pairs, traces: Mapping[str, Trace], duration_tolerance_s: float
) -> "OrderedTraces":
    """Return the traces in the order of the pairs; zeros for a recording scored as empty.

    Raises:
        NotFound: a recording without trace.
    """
    absent = [name for name in pairs.names if name not in traces and name not in pairs.missing]
    if absent:
        raise NotFound(
            f"a trace for each of {len(pairs.names)} recordings",
            f"none for {len(absent)}: {listed(absent)}",
            "Predict them with traces=true, or score without traces.",
        )
    return OrderedTraces(pairs, traces, duration_tolerance_s)


class OrderedTraces(Sequence[Trace]):
    """Traces in the order of the pairs, read one at a time: a lazy mapping stays lazy.

    Raises InvalidInput for a trace of another duration than its reference.
    """

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
            raise InvalidInput(
                f"a trace of {reference.duration_s} s for {name}",
                f"one of {trace.duration_s} s",
                "Predict the complete recording that was annotated.",
            )
        return trace


def score_traces(
    traces: Sequence[Trace],
    references: Sequence[Annotation],
    group: NDArray[np.intp],
    *,
    detection: Detection,
    weights: NDArray[np.float64],
    calibration: Calibration | None,
) -> tuple[Scores, Scores]:
    """Compute the entries `curve` and `sample_level`, and the intervals of both.

    Args:
        group: index of each recording's subject.
        detection: smoothing, merging and minimum duration of the curves.
        weights: bootstrap weights, shape `(resamples, subjects)`.
        calibration: fitted on validation, for the calibration error after it.
    """
    n_subjects = weights.shape[1]
    patients, samples = _samples_of_patients(traces, references, group, n_subjects)
    ovlp_steps, szcore_steps = [], []
    for trace, reference in zip(traces, references, strict=True):
        seizures = reference.seizure_intervals
        ovlp_steps.append(sweep_recording(trace, seizures, detection))
        szcore_steps.append(sweep_szcore(trace, seizures, reference.duration_s, detection))
    ovlp = SortedSteps.of(ovlp_steps, group, n_subjects)
    szcore = SortedSteps.of(szcore_steps, group, n_subjects)
    curve = {
        "ovlp": ovlp.curve().points(),
        "szcore": szcore.curve().points(),
        "sensitivity_at_fa": at_targets(ovlp.curve()),
        "sensitivity_at_fa_szcore": at_targets(szcore.curve()),
    }
    spreads = {
        "curve": {
            "sensitivity_at_fa": _at_target_intervals(ovlp, weights),
            "sensitivity_at_fa_szcore": _at_target_intervals(szcore, weights),
        },
        "sample_level": sample_intervals(patients, samples, weights),
    }
    return {"curve": curve, "sample_level": _sample_level(samples, calibration)}, spreads


def _samples_of_patients(
    traces: Sequence[Trace],
    references: Sequence[Annotation],
    group: NDArray[np.intp],
    n_subjects: int,
) -> tuple[list[PatientSamples], SampleHistogram]:
    total, patients = SampleHistogram.of([]), []
    for subject in range(n_subjects):
        index = np.flatnonzero(group == subject).tolist()
        samples = count_samples((traces[i] for i in index), (references[i] for i in index))
        patients.append(PatientSamples.of(samples))
        total = total + samples
    return patients, total


def _at_target_intervals(steps: SortedSteps, weights: NDArray[np.float64]) -> Scores:
    return {name: interval(values) for name, values in steps.resampled_targets(weights).items()}


def _sample_level(samples: SampleHistogram, calibration: Calibration | None) -> Scores:
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
    if calibration is not None:
        after = calibrated(samples, calibration)
        scores["calibration"] = asdict(calibration)
        scores["ece_calibrated"] = expected_calibration_error(after)
        scores["reliability_calibrated"] = reliability(after)
    return scores
