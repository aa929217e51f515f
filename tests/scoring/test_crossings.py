from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.detection import Detection, detect, smoothed_level
from brainbrr.scoring.crossings import find_crossings
from brainbrr.scoring.timeline import Timeline
from tests.scoring.conftest import example

THRESHOLDS = np.array([0.1, 0.25, 0.5, 0.625, 0.9], np.float32)
TRACES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 8), min_size=10, max_size=60),
        st.sampled_from([4.0, 7.3]),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@given(
    TRACES,
    st.sampled_from([(0.5, 0.25), (0.9, 0.9), (0.625, 0.1)]),
    st.sampled_from([(0.0, 0.0, 0.0), (0.0, 1.0, 0.5), (0.5, 0.5, 1.0)]),
)
def test_events_from_crossings_are_those_of_detect(parts, thresholds, post):
    traces = [example(levels, [], rate_hz, gap)[0] for levels, rate_hz, gap in parts]
    timeline = Timeline.of([trace.duration_s for trace in traces])
    detection = Detection(*thresholds, *post)
    expected = timeline.place([detect(trace, detection).seizure_intervals for trace in traces])
    crossings = find_crossings(traces, partial(smoothed_level, smoothing_s=post[0]), THRESHOLDS)
    runs = crossings.hysteresis(*thresholds)
    np.testing.assert_array_equal(crossings.events(runs, *post[1:], timeline), expected)
