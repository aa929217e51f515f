"""Do probabilities mean what they say: reliability, calibration error, temperature.

Sources: Naeini et al. 2015 (expected calibration error), Guo et al. 2017 (temperature scaling).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration, logit
from brainbrr.events.detection import recorded_segments
from brainbrr.events.intervals import to_mask
from brainbrr.events.trace import Trace
from brainbrr.scoring.sample_level import N_RELIABILITY, SampleHistogram, bin_probability
from brainbrr.scoring.splits import require_validation
from brainbrr.scoring.summary import Scores

LOG_TEMPERATURES = np.linspace(np.log(0.05), np.log(20.0), 61)


def count_samples(traces: Iterable[Trace], references: Iterable[Annotation]) -> SampleHistogram:
    """The recorded samples of a corpus, counted by probability; one trace at a time is touched."""
    return SampleHistogram.of(
        part
        for trace, reference in zip(traces, references, strict=True)
        for part in labelled_stretches(trace, reference)
    )


def labelled_stretches(
    trace: Trace, reference: Annotation
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Probability and truth of each recorded stretch of one recording."""
    truth = to_mask(reference.seizure_intervals, trace.probability.size, trace.rate_hz)
    for first, last in recorded_segments(trace):
        yield trace.probability[first:last], truth[first:last]


def reliability(samples: SampleHistogram) -> list[Scores]:
    """Mean probability and share of seizure samples in each of 15 equal bins, 0 and 1 included."""
    return [
        {
            "confidence": float(total / n) if n else None,
            "frequency": float(hits / n) if n else None,
            "n": int(n),
        }
        for n, hits, total in zip(samples.n, samples.hits, samples.sum_p, strict=True)
    ]


def expected_calibration_error(samples: SampleHistogram) -> float | None:
    """Mean distance of probability and frequency over the reliability bins, by samples."""
    n_samples = int(samples.n.sum())
    return float(np.abs(samples.sum_p - samples.hits).sum() / n_samples) if n_samples else None


def fit_calibration(
    traces: Mapping[str, Trace], references: Mapping[str, Annotation], *, split: str
) -> Calibration:
    """The temperature that makes validation probabilities likeliest: `p' = sigmoid(logit(p) /
    temperature)`.

    Returns:
        with a temperature between 0.05 and 20; 1 where the recordings hold one class only.

    Raises:
        TuningOnEvaluation: `split` is not the validation split.
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
    # Golden section: the loss has one minimum in the inverse temperature.
    ratio = (np.sqrt(5.0) - 1) / 2
    for _ in range(30):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return Calibration(float(np.clip(np.exp((low + high) / 2), 0.05, 20.0)))


def calibrated(samples: SampleHistogram, calibration: Calibration) -> SampleHistogram:
    """The histogram's reliability bins as they are after calibration."""
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
    """Negative log likelihood as a function of the log temperature, over the occupied bins."""
    occupied = (samples.positive + samples.negative) > 0
    logits = logit(bin_probability())[occupied]
    positive, negative = samples.positive[occupied], samples.negative[occupied]

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        at_positive, at_negative = np.logaddexp(0.0, -scaled), np.logaddexp(0.0, scaled)
        return float(positive @ at_positive + negative @ at_negative)

    return loss
