"""Calibration keeps the order of probabilities and changes the confidence of events alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.event import Event

PROBABILITY = np.linspace(0.0, 1.0, 101, dtype=np.float32)


def test_the_default_changes_nothing() -> None:
    np.testing.assert_array_equal(Calibration().apply(PROBABILITY), PROBABILITY)


def test_a_temperature_of_two_halves_the_log_odds() -> None:
    # logit(0.9) / 2 = log(3), and sigmoid(log 3) = 3/4.
    np.testing.assert_allclose(
        Calibration(2.0).apply(np.array([0.9], np.float32)), [0.75], atol=1e-6
    )


def test_the_bias_is_added_to_the_log_odds() -> None:
    calibrated = Calibration(bias=np.log(3.0)).apply(np.array([0.5], np.float32))
    np.testing.assert_allclose(calibrated, [0.75], atol=1e-6)


@given(st.floats(0.05, 20.0), st.floats(-5.0, 5.0))
def test_the_order_stays_and_values_are_probabilities(temperature: float, bias: float) -> None:
    calibrated = Calibration(temperature, bias).apply(PROBABILITY)
    assert np.all(np.diff(calibrated) >= 0)
    assert 0.0 <= calibrated.min() <= calibrated.max() <= 1.0


def test_events_stay_and_their_confidence_is_the_calibrated_one() -> None:
    events = (Event(10.0, 5.0, confidence=0.9), Event(30.0, 5.0), Event(50.0, 5.0, confidence=0.5))
    annotation = Annotation(events, 600.0)
    calibrated = Calibration(2.0).of_events(annotation)
    assert [one.onset_s for one in calibrated.events] == [10.0, 30.0, 50.0]
    confidence = [one.confidence for one in calibrated.events]
    assert confidence == [pytest.approx(0.75), None, pytest.approx(0.5)]
    assert Calibration().of_events(annotation) == annotation
    assert Calibration().calibrated(annotation.events) is annotation.events


@pytest.mark.parametrize(("temperature", "bias"), [(0.0, 0.0), (-1.0, 0.0), (1.0, float("nan"))])
def test_what_is_no_calibration_is_refused(temperature: float, bias: float) -> None:
    with pytest.raises(InvalidInput, match="positive, finite temperature"):
        Calibration(temperature, bias)
