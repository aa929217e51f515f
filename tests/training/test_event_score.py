import numpy as np
import pytest
import tiny_corpus as tiny
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.scoring.tuning import tune
from brainbrr.training.event_score import EventScore, average_precision


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
    assert 0.02 < result.detection.off <= result.detection.on <= 0.7


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1))
def test_average_precision_is_the_sum_over_thresholds(samples):
    probability = np.array([value for value, _ in samples], dtype=np.float32)
    truth = np.array([value for _, value in samples])
    events = tuple(Event(float(at), 1.0) for at in np.flatnonzero(truth))
    found = average_precision(
        [Trace(probability, 1.0, [])], [Annotation(events, float(len(samples)))]
    )
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(probability), reverse=True):
        alarm = probability >= threshold
        hits = (alarm & truth).sum()
        reached = hits / max(truth.sum(), 1)
        expected += (reached - recall) * hits / alarm.sum()
        recall = reached
    assert found == pytest.approx(expected)


def test_gaps_count_neither_way():
    probability = np.array([0.9, 0.1, 0.5, 0.5], dtype=np.float32)
    reference = Annotation((Event(0.0, 1.0),), 4.0)
    assert average_precision([Trace(probability, 1.0, [])], [reference]) == 1.0
    assert average_precision([Trace(probability, 1.0, [[0.0, 1.0]])], [reference]) == 0.0
