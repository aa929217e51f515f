import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.reporting import svg


def test_a_gap_breaks_the_line():
    x = np.arange(6.0)
    assert svg.path(x, np.array([0, 1, np.nan, 3, 4, 4.0])).count("M") == 2
    assert svg.path(np.array([1.0, 2, 4]), np.array([5.0, 3, 3])) == "M1 5l1-2 2 0"


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=30))
def test_path_data_leads_back_to_its_points(points):
    x, y = np.array(points, dtype=np.float64).T
    numbers = [int(n) for n in re.findall(r"-?\d+", svg.path(x, y))]
    walked = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0)
    kept = np.array([p for i, p in enumerate(points) if i == 0 or p != points[i - 1]])
    np.testing.assert_array_equal(walked[: len(kept)], kept)


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e5))
def test_ticks_are_few_and_inside(start, length):
    values = svg.ticks(start, start + length)
    assert 2 <= len(values) <= 13
    assert all(start - 1e-6 * length <= value <= start + length * (1 + 1e-6) for value in values)
