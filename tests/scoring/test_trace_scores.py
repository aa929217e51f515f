"""Scores from probabilities: perfect ones, useless ones, and traces that do not belong."""

import numpy as np
import pytest

from brainbrr.errors import InvalidInput, NotFound
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.scoring.pairing import Pairs
from brainbrr.scoring.trace_scores import score_traces, traces_of

RATE_HZ, DURATION_S = 4.0, 600.0
DETECTION = Detection(0.5, 0.5, smoothing_s=0.0, merge_gap_s=0.0, min_duration_s=0.0)
REFERENCES = tuple(
    Annotation((Event(100.0 + 50 * number, 40.0),), DURATION_S) for number in range(4)
)
PAIRS = Pairs(tuple("abcd"), REFERENCES, REFERENCES, missing=("d",))


def trace(reference, inside, outside):
    probability = np.full(round(DURATION_S * RATE_HZ), outside, np.float32)
    for event in reference.events:
        probability[round(event.onset_s * RATE_HZ) : round(event.offset_s * RATE_HZ)] = inside
    return Trace(probability, RATE_HZ, np.empty((0, 2)))


def scores_of(traces, calibration=None):
    return score_traces(
        traces,
        REFERENCES,
        np.array([0, 0, 1, 1]),
        detection=DETECTION,
        weights=np.ones((50, 2)),
        calibration=calibration,
    )


def test_perfect_probabilities_have_perfect_scores_and_no_spread():
    scores, spreads = scores_of([trace(reference, 0.9, 0.1) for reference in REFERENCES])
    level = scores["sample_level"]
    assert level["auroc"] == pytest.approx(1.0, abs=level["auroc_error_bound"] + 1e-9)
    assert level["average_precision"] == pytest.approx(1.0, abs=1e-3)
    assert level["n_samples"] > 0
    assert set(scores["curve"]["sensitivity_at_fa"].values()) == {1.0}
    assert set(scores["curve"]["sensitivity_at_fa_szcore"].values()) == {1.0}
    assert len(scores["curve"]["ovlp"]) <= 20
    low, high = spreads["sample_level"]["auroc"]
    assert low == pytest.approx(high)
    assert {tuple(x) for x in spreads["curve"]["sensitivity_at_fa"].values()} == {(1.0, 1.0)}


def test_reversed_probabilities_find_nothing_first():
    scores, _ = scores_of([trace(reference, 0.1, 0.9) for reference in REFERENCES])
    assert scores["sample_level"]["auroc"] == pytest.approx(0.0, abs=1e-2)


def test_a_temperature_that_fits_lowers_the_calibration_error():
    traces = [trace(reference, 0.6, 0.4) for reference in REFERENCES]
    plain, _ = scores_of(traces)
    assert "calibration" not in plain["sample_level"]
    fitted, _ = scores_of(traces, Calibration(temperature=0.1))
    level = fitted["sample_level"]
    assert level["ece_calibrated"] < level["ece"] == plain["sample_level"]["ece"]
    assert level["calibration"]["temperature"] == 0.1


def test_traces_are_read_one_at_a_time_and_a_missing_one_is_zeros():
    opened = []

    class Lazy(dict):
        def __getitem__(self, name):
            opened.append(name)
            return super().__getitem__(name)

    traces = Lazy({name: trace(REFERENCES[0], 0.9, 0.1) for name in "abc"})
    ordered = traces_of(PAIRS, traces, 0.5)
    assert (len(ordered), opened) == (4, [])
    assert ordered[1].probability.max() == np.float32(0.9)
    assert opened == ["b"]
    assert ordered[3].duration_s == DURATION_S
    assert not ordered[3].probability.any()


def test_a_recording_without_trace_is_refused_by_name():
    with pytest.raises(NotFound, match="a trace for each of 4 recordings; got none for 2: a, c"):
        traces_of(PAIRS, {"b": trace(REFERENCES[1], 1.0, 0.0)}, 0.5)


def test_a_trace_of_another_length_is_refused():
    short = Trace(np.zeros(100, np.float32), RATE_HZ, np.empty((0, 2)))
    ordered = traces_of(PAIRS, dict.fromkeys("abc", short), 0.5)
    with pytest.raises(InvalidInput, match=r"a trace of 600\.0 s for a; got one of 25\.0 s"):
        ordered[0]
