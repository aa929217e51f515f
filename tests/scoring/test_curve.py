import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.scoring.curve import Curve, SortedSteps
from brainbrr.scoring.nedc import ovlp_counts
from brainbrr.scoring.sweep import combine, sweep_recording
from brainbrr.scoring.timeline import Timeline
from tests.scoring.conftest import example


def corpus(n_recordings=5, seed=1):
    rng = np.random.default_rng(seed)
    traces, seizures = [], []
    for _ in range(n_recordings):
        levels = np.repeat(rng.integers(0, 9, 60), rng.integers(1, 200))
        trace, found = example(levels, [(20.0, 30.0)], 4.0, gap=False)
        traces.append(trace)
        seizures.append(found)
    return traces, seizures


def test_the_curve_of_a_corpus_is_the_sum_of_its_recordings():
    traces, seizures = corpus()
    detection = Detection(smoothing_s=0.0, merge_gap_s=2.0, min_duration_s=1.0)
    steps = [sweep_recording(*pair, detection) for pair in zip(traces, seizures, strict=True)]
    curve = SortedSteps.of(steps, np.array([0, 0, 1, 2, 2]), 3).curve()
    timeline = Timeline.of([one.duration_s for one in traces])
    truth = timeline.place(seizures)
    for threshold, sensitivity, rate in zip(
        curve.threshold, curve.sensitivity, curve.fa_per_24h, strict=True
    ):
        post = Detection(threshold, threshold, 0.0, 2.0, 1.0)
        found = [detect(trace, post).seizure_intervals for trace in traces]
        counts = ovlp_counts(timeline, truth, timeline.place(found)).total()
        assert sensitivity == pytest.approx(counts.sensitivity)
        assert rate == pytest.approx(counts.fp_per_day)
    assert combine(steps).recorded_s == pytest.approx(timeline.recorded_s.sum())


def test_weights_repeat_subjects():
    traces, seizures = corpus()
    detection = Detection()
    steps = [sweep_recording(*pair, detection) for pair in zip(traces, seizures, strict=True)]
    sorted_steps = SortedSteps.of(steps, np.arange(5), 5)
    twice = SortedSteps.of([steps[0], steps[3], steps[3]], np.arange(3), 3)
    weighted = sorted_steps.resampled_targets(np.array([[1.0, 0, 0, 2, 0]]))
    assert weighted["10"][0] == twice.curve().sensitivity_at(10.0)


def test_sensitivity_at_a_rate_ends_where_alarms_first_exceed_it_even_if_they_merge_below():
    # Three alarms above 0.6 that are one below it: fewer alarms, and no operating point.
    levels = np.zeros(400)
    levels[10:20] = levels[24:34] = levels[38:48] = 0.7
    levels[10:48] = np.maximum(levels[10:48], 0.5)
    levels[200:240] = 0.5
    trace = Trace(levels.astype(np.float32), 1.0, as_intervals([]))
    detection = Detection(smoothing_s=0.0, merge_gap_s=0.0, min_duration_s=0.0)
    steps = sweep_recording(trace, as_intervals([(210, 230)]), detection)
    curve = SortedSteps.of([steps], np.array([0]), 1).curve()
    one_per_recording = 86_400 / 400
    assert curve.sensitivity_at(one_per_recording) == 0.0
    assert curve.sensitivity_at(3 * one_per_recording) == 1.0
    assert curve.sensitivity_at(0.5 * one_per_recording) == 0.0
    assert curve.points() == [
        {
            "threshold": pytest.approx(0.7),
            "sensitivity": 0.0,
            "fa_per_24h": pytest.approx(3 * one_per_recording),
        },
        {"threshold": 0.5, "sensitivity": 1.0, "fa_per_24h": pytest.approx(one_per_recording)},
    ]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), max_size=200),
    st.integers(0, 30),
)
def test_the_points_in_the_result_agree_with_its_table_at_any_rate(pairs, rate):
    found, alarms = np.array(pairs, float).reshape(-1, 2).T
    curve = Curve(np.linspace(1.0, 0.0, len(pairs)), found / 12, alarms, 12.0)
    points = curve.points()
    thinned = Curve(
        np.array([point["threshold"] for point in points]),
        np.array([point["sensitivity"] for point in points]),
        np.array([point["fa_per_24h"] for point in points]),
        12.0,
    )
    assert thinned.sensitivity_at(rate) == curve.sensitivity_at(rate)
    assert len(points) <= 2 * 12 + 4
    ends = {0, len(pairs) - 1} if pairs else set()
    assert {curve.threshold[i] for i in ends} <= set(thinned.threshold)


def test_without_seizures_sensitivity_is_undefined():
    trace = Trace(np.array([0, 1, 0, 1], np.float32), 1.0, as_intervals([]))
    detection = Detection(smoothing_s=0.0, merge_gap_s=0.0, min_duration_s=0.0)
    steps = sweep_recording(trace, as_intervals([]), detection)
    curve = SortedSteps.of([steps], np.array([0]), 1).curve()
    assert curve.sensitivity_at(10.0) is None
    assert curve.points()[0]["sensitivity"] is None
    flat = Trace(np.zeros(4, np.float32), 1.0, as_intervals([]))
    for seizures, expected in (([], None), ([(1, 2)], 0.0)):
        steps = sweep_recording(flat, as_intervals(seizures), detection)
        curve = SortedSteps.of([steps], np.array([0]), 1).curve()
        assert (curve.sensitivity_at(10.0), curve.points()) == (expected, [])
