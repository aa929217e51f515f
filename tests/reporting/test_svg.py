"""Drawing primitives: paths lead back to their points, gaps stay gaps, ticks are round."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
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


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e5))
def test_ticks_are_evenly_spaced_by_one_two_or_five(start, length):
    steps = np.diff(svg.ticks(start, start + length))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    digit = steps[0] / 10.0 ** np.floor(np.log10(steps[0] * (1 + 1e-6)))
    assert min(abs(digit - wanted) for wanted in (1, 2, 5)) < 1e-5


@pytest.mark.parametrize(("value", "text"), [(3.0, "3"), (3.04, "3"), (2.96, "3"), (-0.25, "-0.2")])
def test_coordinates_have_one_decimal_at_most(value, text):
    assert svg.number(value) == text


def test_a_figure_is_accessible_and_its_text_is_escaped():
    hostile = '<b> & "'
    drawing = svg.figure(
        10, 20, hostile, "what it shows", [svg.text(1, 2, hostile)], start_s=1.5, css_class="eeg"
    )
    root = ElementTree.fromstring(drawing)
    assert root.get("role") == "img"
    assert root.get("aria-label") == f"{hostile}. what it shows"
    assert root.get("viewBox") == "0 0 10 20"
    assert root.get("data-start-s") == "1.5"
    assert [each.text for each in root.iter() if each.tag.endswith("text")] == [hostile]


def test_the_thinnest_rectangle_can_be_seen():
    drawing = ElementTree.fromstring(svg.rectangle(0, 0, 0.01, 5, css_class="x", color="red"))
    assert drawing.get("width") == "1"


def test_points_that_round_to_one_are_one_point_and_nothing_is_no_path():
    assert svg.path(np.array([1.0, 1.2, 1.4]), np.array([2.0, 2.1, 1.9])) == "M1 2l0 0"
    assert svg.path(np.full(3, np.nan), np.arange(3.0)) == ""
