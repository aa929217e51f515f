import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidInput
from brainbrr.events.intervals import as_intervals, intersect, merge, total_s
from brainbrr.scoring.timeline import TICKS_HZ, Timeline, covered

pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=6)


def test_events_are_clipped_to_their_recording_merged_and_sorted():
    timeline = Timeline.of([10.0, 10.0])
    events = timeline.place([as_intervals([(8, 20), (1, 3), (2, 4)]), as_intervals([(-5, 1)])])
    local = (events - timeline.start[timeline.recording_of(events), None]) / TICKS_HZ
    np.testing.assert_array_equal(local, [[1, 4], [8, 10], [0, 1]])
    np.testing.assert_array_equal(timeline.count(events), [2, 1])


def test_events_that_touch_are_one():
    timeline = Timeline.of([60.0])
    assert len(timeline.place([as_intervals([(0, 10), (10, 20), (20.000001, 30)])])) == 2


def test_a_time_written_in_two_ways_is_one_time():
    timeline = Timeline.of([60.0])
    a = timeline.place([np.array([[10.1, 10.1 + 0.2]])])
    b = timeline.place([np.array([[10.1, 10.3]])])
    np.testing.assert_array_equal(a, b)


def test_recordings_never_touch():
    timeline = Timeline.of([1.9999999, 0.5, 7.25])
    assert np.all(timeline.start[1:] - timeline.stop[:-1] >= 2 * TICKS_HZ)
    assert np.all(timeline.start % (2 * TICKS_HZ) == 0)
    np.testing.assert_allclose(timeline.recorded_s, [2.0, 0.5, 7.25])


def test_an_empty_corpus_is_refused():
    with pytest.raises(InvalidInput, match="at least one recording"):
        Timeline.of([])


@given(pairs, pairs)
def test_covered_time_is_the_intersection(first, second):
    a = merge(as_intervals([(on, on + long) for on, long in first]))
    b = merge(as_intervals([(on, on + long) for on, long in second]))
    timeline = Timeline.of([100.0])
    shared = covered(timeline.place([a]), timeline.place([b]))
    assert shared.sum() / TICKS_HZ == pytest.approx(total_s(intersect(a, b)))
