"""SzCORE at every threshold at once, against detection and scoring at one threshold at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.scoring.curve import SortedSteps
from brainbrr.scoring.szcore import event_counts
from brainbrr.scoring.szcore_sweep import run_tree, sweep_szcore
from brainbrr.scoring.timeline import Timeline

PIECES = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 400)), min_size=1, max_size=25)
SEIZURES = st.lists(
    st.tuples(st.integers(0, 8000), st.integers(1, 2500)).map(lambda one: (one[0] / 4, one[1] / 4)),
    max_size=4,
)
POST = st.sampled_from([(0.0, 0.0, 0.0), (2.0, 5.0, 5.0), (0.5, 20.0, 1.3)])


def counted(trace, seizures, duration_s, detection, threshold):
    timeline = Timeline.of([duration_s], [trace.recorded_s])
    post = detection.smoothing_s, detection.merge_gap_s, detection.min_duration_s
    found = detect(trace, Detection(threshold, threshold, *post)).seizure_intervals
    return event_counts(timeline, timeline.place([seizures]), timeline.place([found])).total()


@settings(max_examples=150, deadline=None)
@given(
    PIECES,
    SEIZURES,
    POST,
    st.sampled_from([0.5, 1.0, 4.0, 7.3, 16.0]),
    st.booleans(),
    st.sampled_from([-0.4, 0.0, 0.4]),
)
def test_every_threshold_counts_what_detection_and_scoring_count(
    pieces, seizures, post, rate_hz, gap, shorter_s
):
    level = np.repeat(*np.array(pieces).T).astype(np.float32) / 8
    duration_s = level.size / rate_hz
    gaps = [(0.3 * duration_s, 0.45 * duration_s)] if gap else []
    trace = Trace(level, rate_hz, as_intervals(gaps))
    truth = as_intervals([(on, on + long) for on, long in seizures if on < duration_s])
    reference_s = max(duration_s - shorter_s, 0.1)
    detection = Detection(0.5, 0.4, *post)
    steps = sweep_szcore(trace, truth, reference_s, detection)
    between = [0.03, 0.5, 0.99, 1.0]
    for threshold in np.unique(np.concatenate([steps.alarms, steps.hits[steps.hits > 0], between])):
        value = float(np.float32(threshold))
        counts = counted(trace, truth, reference_s, detection, value)
        assert int(steps.change[steps.alarms >= np.float32(value)].sum()) == counts.fp
        assert int((steps.hits >= np.float32(value)).sum()) == counts.tp
        assert len(steps.hits) == counts.tp + counts.fn


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_the_tree_holds_every_run_of_every_threshold_once(levels):
    level = np.array(levels, np.float32)
    runs, height, joined = run_tree(level)
    assert len({tuple(run) for run in runs.tolist()}) == len(runs)
    for threshold in (0.5, *range(1, 7)):
        there = runs[(height >= threshold) & (joined < threshold)]
        mask = np.zeros(len(level), int)
        for first, last in there:
            mask[first:last] += 1
        np.testing.assert_array_equal(mask, level >= threshold)
        edges = np.flatnonzero(np.diff(np.pad(level >= threshold, 1).astype(int)))
        assert sorted(map(tuple, there.tolist())) == list(map(tuple, edges.reshape(-1, 2).tolist()))


def test_the_curve_of_a_smooth_corpus_is_exact_between_its_thresholds_too():
    rng = np.random.default_rng(3)
    traces, truths = [], []
    for _ in range(3):
        walk = np.cumsum(rng.normal(0, 0.2, 1_600))
        probability = (1 / (1 + np.exp(2 - walk))).astype(np.float32)
        traces.append(Trace(probability, 2.0, as_intervals([])))
        truths.append(as_intervals([(300.0, 420.0)]))
    detection = Detection(smoothing_s=4.0, merge_gap_s=5.0, min_duration_s=5.0)
    steps = [
        sweep_szcore(trace, truth, 800.0, detection)
        for trace, truth in zip(traces, truths, strict=True)
    ]
    curve = SortedSteps.of(steps, np.array([0, 1, 1]), 2).curve()
    timeline = Timeline.of([800.0] * 3)
    truth = timeline.place(truths)
    everywhere = np.unique(np.concatenate([one.probability for one in traces]))[::-7]
    for threshold in everywhere:
        index = np.searchsorted(-curve.threshold, -threshold, side="right") - 1
        shown = (curve.sensitivity[index], curve.fa_per_24h[index]) if index >= 0 else (0.0, 0.0)
        post = Detection(float(threshold), float(threshold), 4.0, 5.0, 5.0)
        found = timeline.place([detect(trace, post).seizure_intervals for trace in traces])
        counts = event_counts(timeline, truth, found).total()
        assert shown == (pytest.approx(counts.sensitivity), pytest.approx(counts.fp_per_day))
