import numpy as np
import pytest

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.scoring.tuning import tune
from brainbrr.training.event_score import EventScore
from tests import tiny_corpus as tiny


def case(onset_s, alarm_s, duration_s=600.0, rate_hz=4.0):
    probability = np.full(round(duration_s * rate_hz), 0.02, dtype=np.float32)
    for start_s in alarm_s:
        probability[round(start_s * rate_hz) : round((start_s + 30) * rate_hz)] = 0.7
    events = tuple(Event(start_s, 30.0) for start_s in onset_s)
    return Trace(probability, rate_hz, []), Annotation(events, duration_s)


def test_hits_and_false_alarms_of_whole_recordings():
    cases = [case([100.0], [100.0]), case([100.0, 400.0], [100.0, 250.0])]
    rows = [tiny.row(number, "val", 600.0, []) for number in range(2)]
    result = EventScore(rows, tune)(*zip(*cases, strict=True))
    # Subject means of the SzCORE event score: 1 and 1/2 found; no alarm, and one in ten minutes.
    assert result.metrics["event_sensitivity"] == pytest.approx(0.75)
    assert result.metrics["fp_per_24h"] == pytest.approx(72.0)
    assert result.metrics["event_f1"] == pytest.approx((1.0 + 0.5) / 2)
    assert 0.02 < result.detection.off_threshold <= result.detection.on_threshold <= 0.7


def test_curve_and_sample_level_scores_are_there_by_plain_names():
    cases = [case([100.0], [100.0]), case([300.0], [300.0])]
    rows = [tiny.row(number, "val", 600.0, []) for number in range(2)]
    result = EventScore(rows, tune)(*zip(*cases, strict=True))
    assert result.metrics["average_precision"] == pytest.approx(1.0, abs=0.01)
    assert result.metrics["auroc"] == pytest.approx(1.0, abs=0.01)
    assert result.metrics["sensitivity_at_10fa"] == result.metrics["sensitivity_at_2.5fa"] == 1.0
    assert result.scores["szcore"]["event"]["subject_mean"]["f1"] == 1.0


def test_a_network_that_says_nothing_scores_lowest():
    cases = [case([100.0], [])]
    result = EventScore([tiny.row(0, "val", 600.0, [])], tune)(*zip(*cases, strict=True))
    assert result.metrics["event_f1"] == result.metrics["event_sensitivity"] == 0.0


def test_what_no_seizure_defines_is_undefined_and_not_zero():
    result = EventScore([tiny.row(0, "val", 600.0, [])], tune)(*zip(case([], []), strict=True))
    defined = {name: value for name, value in result.metrics.items() if not np.isnan(value)}
    assert defined == {"fp_per_24h": 0.0}
    assert {"event_f1", "event_sensitivity", "sensitivity_at_10fa"} <= result.metrics.keys()
