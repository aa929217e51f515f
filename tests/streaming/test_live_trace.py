"""The parts of a live trace join to the trace of the complete run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.streaming.event_tracker import EventTracker
from brainbrr.streaming.live_trace import LiveTrace
from brainbrr.streaming.live_windows import WindowScore

RATE_HZ, TRACE_RATE_HZ, ONSET_S = 32.0, 8.0, 100.0
DETECTION = Detection(0.6, 0.4, smoothing_s=0.0, merge_gap_s=0.5, min_duration_s=0.5)


class Scores:
    """Stands in for `LiveWindows`: gives out a known trace, part after part."""

    def __init__(self, probability):
        self.probability, self.n_out = probability, 0
        self.n_in = self.n_scored = 0

    def push(self, n_samples):
        first, self.n_out = self.n_out, self.n_out + n_samples
        self.n_in = self.n_scored = min(self.n_out, self.probability.size)
        rest = self.probability[self.n_out : self.n_out + 20]
        return [WindowScore(self.probability[first : self.n_out], rest, 17)]

    def finish(self):
        self.n_in = self.n_scored = self.probability.size
        return WindowScore(self.probability[self.n_out :], np.empty(0, np.float32), 17)


def live(probability):
    return LiveTrace(
        Scores(probability),
        EventTracker(DETECTION, TRACE_RATE_HZ, ONSET_S),
        rate_hz=RATE_HZ,
        trace_rate_hz=TRACE_RATE_HZ,
        onset_s=ONSET_S,
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.lists(st.integers(0, 70), max_size=8))
def test_parts_join_to_the_reduced_trace_and_its_events(n_samples, sizes):
    steps = np.random.default_rng(n_samples).random(n_samples // 40 + 1, dtype=np.float32)
    probability = np.repeat(steps, 40)[:n_samples]
    trace = live(probability)
    updates = [update for size in sizes for update in trace.push(size)] + [trace.finish()]
    whole = Trace(probability, RATE_HZ, as_intervals([])).reduced(TRACE_RATE_HZ)
    joined = np.concatenate([update.fixed.probability for update in updates])
    np.testing.assert_array_equal(joined, whole.probability)
    expected = [
        (event.onset_s + ONSET_S, event.duration_s) for event in detect(whole, DETECTION).seizures
    ]
    events = [event for update in updates for event in update.events]
    assert [event.onset_s for event in events] == pytest.approx([onset for onset, _ in expected])
    assert [event.duration_s for event in events] == pytest.approx([d for _, d in expected])


def test_each_part_begins_where_the_one_before_ends():
    trace, end_s = live(np.full(300, 0.5, np.float32)), ONSET_S
    updates = [trace.push(37)[0] for _ in range(6)] + [trace.finish()]
    for update in updates:
        assert update.fixed.onset_s == pytest.approx(end_s)
        end_s += update.fixed.probability.size / TRACE_RATE_HZ
        assert update.provisional.onset_s == pytest.approx(end_s)
        assert update.n_electrodes == 17
    assert updates[0].scored_s == ONSET_S + 37 / RATE_HZ
    assert updates[-1].scored_s == ONSET_S + 300 / RATE_HZ
    assert updates[-1].suspected == ()


def test_an_event_is_suspected_before_it_is_certain():
    trace = live(np.concatenate([np.zeros(64), np.ones(128), np.zeros(128)]).astype(np.float32))
    first = trace.push(96)[0]
    assert first.events == ()
    assert first.suspected[0].onset_s == ONSET_S + 2.0
    assert trace.finish().events[0].duration_s == 4.0
