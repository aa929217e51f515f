import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidOption
from brainbrr.events.detection import Detection, detect, smooth
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace

LEVELS = st.lists(st.integers(0, 8), min_size=1, max_size=100)
DETECTIONS = st.builds(
    lambda off, more, smoothing_s, gap_s, shortest_s: Detection(
        min(off + more, 8) / 8, off / 8, smoothing_s, gap_s, shortest_s
    ),
    st.integers(0, 8),
    st.integers(0, 4),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.sampled_from([0.0, 1.0, 3.0]),
    st.sampled_from([0.0, 1.0, 2.0]),
)
RAW = Detection(0.5, 0.5, 0.0, 0.0, 0.0)


def trace(levels, gaps=(), rate_hz=2.0):
    return Trace(np.asarray(levels, np.float32) / 8, rate_hz, as_intervals(gaps))


def found(*arguments):
    return detect(*arguments).seizure_intervals.tolist()


def by_hand(levels, on, off, gap, shortest):
    """Hysteresis sample by sample, lists only."""
    runs, start = [], None
    for i, level in enumerate([*levels, 0]):
        if level >= max(off, 1) and i < len(levels):
            start = i if start is None else start
        elif start is not None:
            if max(levels[start:i]) >= on:
                runs.append([start, i])
            start = None
    merged = []
    for run in runs:
        if merged and run[0] - merged[-1][1] < gap:
            merged[-1][1] = run[1]
        else:
            merged.append(run)
    return [run for run in merged if run[1] - run[0] >= shortest]


@given(LEVELS, st.integers(0, 8), st.integers(0, 4), st.integers(0, 6), st.integers(0, 5))
def test_it_is_hysteresis(levels, off, more, gap, shortest):
    on = min(off + more, 8)
    detection = Detection(on / 8, off / 8, 0.0, gap / 2, shortest / 2)
    expected = by_hand(levels, on, off, gap, shortest)
    assert found(trace(levels), detection) == [[a / 2, b / 2] for a, b in expected]


@given(LEVELS, DETECTIONS)
def test_a_higher_threshold_never_detects_elsewhere(levels, detection):
    above = Detection(1.0, max(detection.off_threshold, 0.9), detection.smoothing_s, 1.0, 1.0)
    below = Detection(
        min(detection.on_threshold, above.on_threshold),
        min(detection.off_threshold, above.off_threshold),
        detection.smoothing_s,
        1.0,
        1.0,
    )
    outer = found(trace(levels), below)
    for onset_s, offset_s in found(trace(levels), above):
        assert any(a <= onset_s and offset_s <= b for a, b in outer)


@given(LEVELS, DETECTIONS)
def test_events_are_sorted_long_enough_and_apart(levels, detection):
    events = np.array(found(trace(levels), detection)).reshape(-1, 2)
    assert np.all(events[:, 1] - events[:, 0] >= detection.min_duration_s)
    assert np.all(events[1:, 0] - events[:-1, 1] >= max(detection.merge_gap_s, 1e-9))
    annotation = detect(trace(levels), detection)
    assert annotation.duration_s == len(levels) / 2
    assert all(0.0 <= event.confidence <= 1.0 for event in annotation.events)


@given(LEVELS, LEVELS, DETECTIONS)
def test_stretches_beside_a_gap_are_detected_alone(before, after, detection):
    levels = [*before, *[8] * 4, *after]
    gap_s = (len(before) / 2, len(before) / 2 + 2.0)
    shifted = [[a + gap_s[1], b + gap_s[1]] for a, b in found(trace(after), detection)]
    expected = found(trace(before), detection) + shifted
    assert found(trace(levels, [gap_s]), detection) == expected


def test_confidence_is_the_mean_probability_inside():
    event = detect(trace([0, 4, 8, 6, 0]), RAW).events[0]
    assert event.confidence == pytest.approx(0.75)


def test_level_zero_is_never_an_event():
    assert found(trace([0, 0, 0]), Detection(0.0, 0.0, 0.0, 0.0, 0.0)) == []
    assert found(trace([0, 1, 0]), Detection(0.0, 0.0, 0.0, 0.0, 0.0)) == [[0.5, 1.0]]


def test_a_file_that_is_all_gap_has_no_events():
    assert found(trace([8, 8, 8, 8], [(0.0, 2.0)]), RAW) == []


def test_merging_stops_at_a_gap():
    levels = [8, 8, 0, 0, 0, 0, 8, 8]
    merging = Detection(0.5, 0.5, 0.0, 10.0, 0.0)
    assert found(trace(levels), merging) == [[0.0, 4.0]]
    assert found(trace(levels, [(1.5, 2.0)]), merging) == [[0.0, 1.0], [3.0, 4.0]]


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50), st.integers(0, 60))
def test_smoothing_is_a_centred_mean(values, width):
    values = np.array(values, np.float32)
    half = min(width | 1, 2 * len(values) - 1) // 2 if width > 0 else 0
    expected = [values[max(i - half, 0) : i + half + 1].mean() for i in range(len(values))]
    np.testing.assert_allclose(smooth(values, width), expected, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"on_threshold": 0.3, "off_threshold": 0.4}, {"on_threshold": 1.2}, {"off_threshold": -0.1}],
)
def test_thresholds_out_of_order_are_refused(wrong):
    with pytest.raises(InvalidOption, match=r"0 <= detect\.off_threshold <= detect\.on_threshold"):
        Detection(**wrong)


def test_negative_durations_are_refused():
    with pytest.raises(InvalidOption, match="durations of 0 s or more"):
        Detection(merge_gap_s=-1.0)
