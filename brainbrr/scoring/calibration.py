"""Calibration of probabilities: reliability, calibration error, temperature.

Sources: Naeini et al. 2015 (expected calibration error), Guo et al. 2017 (temperature scaling).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration, logit
from brainbrr.events.detection import recorded_segments
from brainbrr.events.intervals import to_mask
from brainbrr.events.trace import Trace
from brainbrr.scoring.sample_level import N_RELIABILITY, SampleHistogram, bin_probability
from brainbrr.scoring.summary import Scores

VALIDATION = ("val", "dev")
"""Names of the validation split; TUSZ has dev."""
LOG_TEMPERATURES = np.linspace(np.log(0.05), np.log(20.0), 61)


def count_samples(traces: Iterable[Trace], references: Iterable[Annotation]) -> SampleHistogram:
    """Count the recorded samples of a corpus by probability, one trace at a time."""
    return SampleHistogram.of(
        part
        for trace, reference in zip(traces, references, strict=True)
        for part in labeled_intervals(trace, reference)
    )


def labeled_intervals(
    trace: Trace, reference: Annotation
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield probability and truth of each recorded interval of one recording."""
    truth = to_mask(reference.seizure_intervals, trace.probability.size, trace.rate_hz)
    for first, last in recorded_segments(trace):
        yield trace.probability[first:last], truth[first:last]


def reliability(samples: SampleHistogram) -> list[Scores]:
    """Return mean probability and fraction of seizure samples in each of 15 equal bins."""
    return [
        {
            "confidence": float(total / n) if n else None,
            "frequency": float(hits / n) if n else None,
            "n": int(n),
        }
        for n, hits, total in zip(samples.n, samples.hits, samples.sum_p, strict=True)
    ]


def expected_calibration_error(samples: SampleHistogram) -> float | None:
    """Return the mean distance of probability and frequency over the bins, weighted by samples."""
    n_samples = int(samples.n.sum())
    return float(np.abs(samples.sum_p - samples.hits).sum() / n_samples) if n_samples else None


def require_validation(split: str) -> None:
    """Refuse any split but the validation split: no recording is both tuned and scored on.

    Raises:
        InvalidOption: `split` is another.
    """
    if split not in VALIDATION:
        raise InvalidOption(
            "the validation split", f"split={split!r}", "Tune on val; score the test split once."
        )


def fit_calibration(
    traces: Mapping[str, Trace], references: Mapping[str, Annotation], *, split: str
) -> Calibration:
    """Fit the temperature of maximum likelihood: `p' = sigmoid(logit(p) / temperature)`.

    Returns:
        with a temperature between 0.05 and 20; 1 if the recordings hold one class only.

    Raises:
        InvalidOption: `split` is not the validation split.
    """
    require_validation(split)
    samples = count_samples(traces.values(), [references[name] for name in traces])
    if not samples.positive.any() or not samples.negative.any():
        return Calibration()
    loss = _loss_of(samples)
    coarse = np.array([loss(value) for value in LOG_TEMPERATURES])
    best = LOG_TEMPERATURES[int(np.argmin(coarse))]
    step = LOG_TEMPERATURES[1] - LOG_TEMPERATURES[0]
    low, high = best - step, best + step
    # Golden-section search: the loss is convex in the inverse temperature, so has one minimum.
    ratio = (np.sqrt(5.0) - 1) / 2
    for _ in range(30):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return Calibration(float(np.clip(np.exp((low + high) / 2), 0.05, 20.0)))


def calibrated(samples: SampleHistogram, calibration: Calibration) -> SampleHistogram:
    """Return the histogram with its reliability bins recomputed after calibration."""
    probability = calibration.apply(bin_probability()).astype(np.float64)
    index = np.minimum((probability * N_RELIABILITY).astype(np.int64), N_RELIABILITY - 1)
    n = samples.positive + samples.negative
    return SampleHistogram(
        samples.positive,
        samples.negative,
        np.bincount(index, n, N_RELIABILITY).astype(np.int64),
        np.bincount(index, samples.positive, N_RELIABILITY).astype(np.int64),
        np.bincount(index, n * probability, N_RELIABILITY).astype(np.float64),
    )


def _loss_of(samples: SampleHistogram) -> Callable[[float], float]:
    """Return the negative log-likelihood as a function of log temperature, over occupied bins."""
    occupied = (samples.positive + samples.negative) > 0
    logits = logit(bin_probability())[occupied]
    positive, negative = samples.positive[occupied], samples.negative[occupied]

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        at_positive, at_negative = np.logaddexp(0.0, -scaled), np.logaddexp(0.0, scaled)
        return float(positive @ at_positive + negative @ at_negative)

    return loss
