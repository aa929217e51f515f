"""Events of a growing trace are those of the whole one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.streaming.event_tracker import EventTracker

RATE_HZ = 4.0

LEVELS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.7, 0.9, 1.0]), st.integers(1, 12)), max_size=25
)
DETECTIONS = st.builds(
    Detection,
    on_threshold=st.sampled_from([0.5, 0.7, 0.9]),
    off_threshold=st.sampled_from([0.0, 0.2, 0.4, 0.45]),
    smoothing_s=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    merge_gap_s=st.sampled_from([0.0, 0.3, 1.0, 4.0]),
    min_duration_s=st.sampled_from([0.0, 1.0, 3.0]),
)


def tracked(values, detection, sizes):
    tracker, events = EventTracker(detection, RATE_HZ, 100.0), []
    for part in np.split(values, np.cumsum(sizes)) if sizes else [values]:
        events += tracker.push(part)
    return events + tracker.finish()


@settings(max_examples=300)
@given(LEVELS, DETECTIONS, st.lists(st.integers(1, 9), max_size=5))
def test_equals_detection_on_the_whole_trace(levels, detection, sizes):
    values = np.array([v for value, n in levels for v in [value] * n], dtype=np.float32)
    found = tracked(values, detection, sizes)
    if not values.size:
        assert found == []
        return
    expected = detect(Trace(values, RATE_HZ, as_intervals([])), detection).events
    assert [(e.onset_s - 100.0, e.duration_s) for e in found] == [
        (e.onset_s, e.duration_s) for e in expected
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-9)


def test_an_event_is_told_as_soon_as_nothing_can_join_it():
    detection = Detection(0.5, 0.4, smoothing_s=0.0, merge_gap_s=2.0, min_duration_s=1.0)
    tracker = EventTracker(detection, RATE_HZ, 0.0)
    assert tracker.push(np.array([0.0] * 4 + [0.9] * 8 + [0.0] * 7, dtype=np.float32)) == []
    (event,) = tracker.push(np.zeros(1, dtype=np.float32))
    assert (event.onset_s, event.offset_s) == (1.0, 3.0)


def test_a_guess_leaves_the_tracker_as_it_was():
    tracker = EventTracker(Detection(0.5, 0.4, 0.0, 2.0, 1.0), RATE_HZ, 0.0)
    tracker.push(np.full(8, 0.9, dtype=np.float32))
    (event,) = tracker.suspected(np.full(4, 0.9, dtype=np.float32))
    assert event.duration_s == 3.0
    (event,) = tracker.finish()
    assert event.duration_s == 2.0
