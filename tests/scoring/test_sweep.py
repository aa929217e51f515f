import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect, merge_runs
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.scoring.curve import SortedSteps
from brainbrr.scoring.nedc import ovlp_counts
from brainbrr.scoring.sweep import (
    combine,
    drop_short,
    fill_gaps,
    processed_level,
    sweep_recording,
)
from brainbrr.scoring.timeline import Timeline

MASKS = st.lists(st.booleans(), min_size=1, max_size=40)
WIDTHS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 7.3, 60.0])
LEVELS = st.lists(st.integers(0, 8), min_size=10, max_size=120)
ON_GRID = st.tuples(st.integers(0, 100), st.integers(1, 20)).map(
    lambda pair: (pair[0] / 4, pair[1] / 4)
)
SEIZURES = st.lists(st.tuples(st.floats(0, 30), st.floats(0.01, 6)) | ON_GRID, max_size=4)
POST = st.sampled_from([(0.0, 0.0, 0.0), (0.0, 1.0, 0.5), (0.5, 0.5, 1.0), (1.0, 2.0, 1.3)])


def example(levels, seizures, rate_hz, gap):
    duration_s = len(levels) / rate_hz
    gaps = [(0.3 * duration_s, 0.45 * duration_s)] if gap else []
    trace = Trace(np.array(levels, np.float32) / 8, rate_hz, as_intervals(gaps))
    return trace, as_intervals([(on, on + long) for on, long in seizures])


def detected(trace, seizures, detection, threshold, scorer):
    timeline = Timeline.of([trace.duration_s], [trace.recorded_s])
    post = detection.smoothing_s, detection.merge_gap_s, detection.min_duration_s
    found = detect(trace, Detection(threshold, threshold, *post)).seizure_intervals
    return scorer(timeline, timeline.place([seizures]), timeline.place([found])).total()


@given(LEVELS, SEIZURES, POST, st.sampled_from([4.0, 7.3]), st.booleans())
def test_every_threshold_counts_what_detection_and_scoring_count(levels, found, post, rate_hz, gap):
    trace, seizures = example(levels, found, rate_hz, gap)
    detection = Detection(0.5, 0.4, *post)
    steps = sweep_recording(trace, seizures, detection)
    between = [0.03, 0.5, 1.0]
    for threshold in np.unique(np.concatenate([steps.alarms, steps.hits[steps.hits > 0], between])):
        value = float(np.float32(threshold))
        counts = detected(trace, seizures, detection, value, ovlp_counts)
        assert int(steps.change[steps.alarms >= np.float32(value)].sum()) == counts.fp
        assert int((steps.hits >= np.float32(value)).sum()) == counts.tp


@given(LEVELS, POST, st.booleans())
def test_processing_commutes_with_thresholding(levels, post, gap):
    trace, _ = example(levels, [], 4.0, gap)
    level = processed_level(trace, Detection(0.5, 0.5, *post))
    for threshold in np.unique(level[level > 0])[:5]:
        found = detect(trace, Detection(float(threshold), float(threshold), *post))
        mask = np.zeros(level.size, bool)
        for event in found.events:
            mask[round(event.onset_s * 4) : round(event.offset_s * 4)] = True
        np.testing.assert_array_equal(level >= threshold, mask)


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
    assert curve.points(2) == [
        {
            "threshold": pytest.approx(0.7),
            "sensitivity": 0.0,
            "fa_per_24h": pytest.approx(3 * one_per_recording),
        },
        {"threshold": 0.5, "sensitivity": 1.0, "fa_per_24h": pytest.approx(one_per_recording)},
    ]


def test_without_seizures_sensitivity_is_undefined():
    trace = Trace(np.array([0, 1, 0, 1], np.float32), 1.0, as_intervals([]))
    detection = Detection(smoothing_s=0.0, merge_gap_s=0.0, min_duration_s=0.0)
    steps = sweep_recording(trace, as_intervals([]), detection)
    curve = SortedSteps.of([steps], np.array([0]), 1).curve()
    assert curve.sensitivity_at(10.0) is None
    assert curve.points(10)[0]["sensitivity"] is None
    flat = Trace(np.zeros(4, np.float32), 1.0, as_intervals([]))
    for seizures, expected in (([], None), ([(1, 2)], 0.0)):
        steps = sweep_recording(flat, as_intervals(seizures), detection)
        curve = SortedSteps.of([steps], np.array([0]), 1).curve()
        assert (curve.sensitivity_at(10.0), curve.points(10)) == (expected, [])


def runs_of(mask):
    padded = np.concatenate([[False], mask, [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


@given(MASKS, WIDTHS)
def test_gaps_shorter_than_the_limit_are_filled(mask, gap_samples):
    level = np.array(mask, np.float32)
    runs = runs_of(level > 0)
    expected = merge_runs(runs, np.zeros(len(runs), int), gap_samples)
    np.testing.assert_array_equal(runs_of(fill_gaps(level, gap_samples) > 0), expected)


@given(MASKS, WIDTHS)
def test_runs_shorter_than_the_limit_are_dropped(mask, min_samples):
    level = np.array(mask, np.float32)
    runs = runs_of(level > 0)
    expected = runs[runs[:, 1] - runs[:, 0] >= min_samples]
    np.testing.assert_array_equal(runs_of(drop_short(level, min_samples) > 0), expected)


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_nothing_to_do(width):
    level = np.array([0.1, 0.9, 0.3], np.float32)
    assert fill_gaps(level, width) is level
    assert drop_short(level, width) is level
