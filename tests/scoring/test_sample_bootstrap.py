"""Intervals from counts, against the same resamples scored sample by sample."""

import numpy as np
import pytest

from brainbrr.scoring.bootstrap import draw_patients, interval
from brainbrr.scoring.calibration import expected_calibration_error
from brainbrr.scoring.sample_bootstrap import PatientSamples, sample_intervals
from brainbrr.scoring.sample_level import SampleHistogram, auroc, average_precision


def patients(n_patients=8, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n_patients):
        label = rng.random(3_000) < 0.1
        logit = rng.normal(-3, 1, 3_000) + label * rng.uniform(0, 4)
        made.append(SampleHistogram.of([((1 / (1 + np.exp(-logit))).astype(np.float32), label)]))
    return made


def test_intervals_are_those_of_resampled_corpora():
    made = patients()
    weights = draw_patients(len(made), 40, seed=3)
    found = sample_intervals(
        [PatientSamples.of(one) for one in made], sum(made, SampleHistogram.of([])), weights
    )
    drawn = []
    for row in weights.astype(int):
        corpus = sum(
            (one for one, n in zip(made, row, strict=True) for _ in range(n)),
            SampleHistogram.of([]),
        )
        scores = auroc(corpus)[0], average_precision(corpus)[0], expected_calibration_error(corpus)
        drawn.append(scores)
    expected = np.array(drawn).T
    # The coarse bins cost less than a thousandth; the calibration error has the same bins.
    for name, values, tolerance in zip(
        ("auroc", "average_precision", "ece"), expected, (1e-4, 2e-3, 1e-12), strict=True
    ):
        assert found[name] == pytest.approx(interval(values), abs=tolerance)


def test_a_crowded_bin_stays_on_its_own():
    # Half of all samples at one value: neighbours must not be tied to them.
    probability = np.repeat(np.float32([0.1, 0.5, 0.500001, 0.9]), [50, 400, 50, 50])
    label = np.repeat([False, True, False, True], [50, 400, 50, 50])
    one = SampleHistogram.of([(probability, label)])
    found = sample_intervals([PatientSamples.of(one)] * 5, one, np.ones((10, 5)))
    assert found["auroc"] == pytest.approx([auroc(one)[0]] * 2)


def test_without_resamples_or_classes_there_is_no_interval():
    made = patients(3)
    few = [PatientSamples.of(one) for one in made]
    pooled = sum(made, SampleHistogram.of([]))
    undefined = {"auroc": None, "average_precision": None, "ece": None}
    assert sample_intervals(few, pooled, np.empty((0, 3))) == undefined
    flat = SampleHistogram.of([(np.zeros(10, np.float32), np.zeros(10, bool))])
    found = sample_intervals([PatientSamples.of(flat)] * 5, flat, np.ones((10, 5)))
    assert found == {"auroc": None, "average_precision": None, "ece": [0.0, 0.0]}
