import numpy as np
import pytest

from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals, from_mask
from brainbrr.events.trace import Trace
from brainbrr.scoring.calibration import (
    calibrated,
    count_samples,
    expected_calibration_error,
    fit_calibration,
    reliability,
)
from brainbrr.scoring.sample_level import SampleHistogram


def drawn(temperature, n_samples=12_000, seed=0):
    """A trace whose logits are `temperature` times too large, and the labels drawn from the right
    ones."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, n_samples)
    label = rng.random(n_samples) < 1 / (1 + np.exp(-logit))
    probability = (1 / (1 + np.exp(-logit * temperature))).astype(np.float32)
    events = tuple(Event(float(on), float(off - on)) for on, off in from_mask(label, 1.0))
    return Trace(probability, 1.0, as_intervals([])), Annotation(events, float(n_samples))


def test_zero_and_one_are_counted():
    probability = np.array([0.0, 1.0, 1.0, 0.5], np.float32)
    samples = SampleHistogram.of([(probability, np.array([False, True, False, True]))])
    bins = reliability(samples)
    assert bins[0] == {"confidence": 0.0, "frequency": 0.0, "n": 1}
    assert bins[-1] == {"confidence": 1.0, "frequency": 0.5, "n": 2}
    assert bins[3] == {"confidence": None, "frequency": None, "n": 0}
    assert expected_calibration_error(samples) == pytest.approx((1.0 + 0.5) / 4)


def test_a_detector_that_is_always_sure_and_half_wrong():
    probability = np.ones(10, np.float32)
    samples = SampleHistogram.of([(probability, np.arange(10) < 5)])
    assert expected_calibration_error(samples) == 0.5


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature):
    trace, reference = drawn(temperature)
    found = fit_calibration({"x": trace}, {"x": reference}, split="val")
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.bias == 0.0


def test_scaling_lowers_the_error_on_other_recordings():
    trace, reference = drawn(3.0, seed=1)
    samples = count_samples([trace], [reference])
    before = expected_calibration_error(samples)
    after = expected_calibration_error(calibrated(samples, Calibration(3.0)))
    assert after < before / 4
    unchanged = expected_calibration_error(calibrated(samples, Calibration()))
    assert unchanged == pytest.approx(before, abs=2e-3)


def test_gaps_are_not_samples():
    trace = Trace(np.full(100, 0.25, np.float32), 1.0, as_intervals([(20, 50)]))
    samples = count_samples([trace], [Annotation((Event(40.0, 20.0),), 100.0)])
    assert samples.n.sum() == 70
    assert samples.positive.sum() == 10


def test_one_class_has_no_temperature():
    trace = Trace(np.full(100, 0.25, np.float32), 1.0, as_intervals([]))
    found = fit_calibration({"x": trace}, {"x": Annotation((), 100.0)}, split="dev")
    assert found == Calibration()


def test_no_samples_have_no_error():
    assert expected_calibration_error(SampleHistogram.of([])) is None


def test_fitting_on_the_test_split_is_refused():
    with pytest.raises(InvalidOption, match="split='test'"):
        fit_calibration({}, {}, split="test")
