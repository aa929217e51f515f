import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect, merge_runs
from brainbrr.scoring.nedc import ovlp_counts
from brainbrr.scoring.sweep import (
    drop_short,
    fill_gaps,
    processed_level,
    sweep_recording,
)
from brainbrr.scoring.timeline import Timeline
from tests.scoring.conftest import example

MASKS = st.lists(st.booleans(), min_size=1, max_size=40)
WIDTHS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 7.3, 60.0])
LEVELS = st.lists(st.integers(0, 8), min_size=10, max_size=120)
ON_GRID = st.tuples(st.integers(0, 100), st.integers(1, 20)).map(
    lambda pair: (pair[0] / 4, pair[1] / 4)
)
SEIZURES = st.lists(st.tuples(st.floats(0, 30), st.floats(0.01, 6)) | ON_GRID, max_size=4)
POST = st.sampled_from([(0.0, 0.0, 0.0), (0.0, 1.0, 0.5), (0.5, 0.5, 1.0), (1.0, 2.0, 1.3)])


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
