import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidInput
from brainbrr.events.trace import Trace


@pytest.mark.parametrize(
    ("probability", "rate_hz"), [(np.zeros((2, 3)), 1.0), (np.zeros(0), 1.0), (np.zeros(3), 0.0)]
)
def test_what_is_no_trace_is_refused(probability, rate_hz):
    with pytest.raises(InvalidInput, match="one-dimensional, non-empty probability"):
        Trace(probability, rate_hz, [])


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan])
def test_logits_are_refused(value):
    with pytest.raises(InvalidInput, match="probabilities from 0 to 1.*sigmoid"):
        Trace(np.array([0.5, value]), 1.0, [])


def test_gaps_count_in_the_duration_but_not_in_the_recorded_time():
    trace = Trace(np.zeros(100), 10.0, [[6, 8], [1, 2], [7, 8.5]])
    assert (trace.duration_s, trace.recorded_s) == (10.0, 6.5)
    assert trace.gaps[:, 0].tolist() == [1, 6, 7]


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50), st.integers(1, 9))
def test_a_reduced_trace_holds_the_means_of_its_parts(values, factor):
    trace = Trace(np.array(values, dtype=np.float32), 8.0 * factor, [])
    reduced = trace.reduced(8.0)
    parts = [values[i : i + factor] for i in range(0, len(values), factor)]
    expected = [np.mean(part, dtype=np.float64) for part in parts]
    np.testing.assert_allclose(reduced.probability, expected, atol=1e-6)
    assert reduced.rate_hz == 8.0
