import numpy as np
import pytest

from brainbrr.scoring.counts import Counts, defined, ratio


def test_rates_of_a_worked_example():
    counts = Counts(3.0, 1.0, 1.0, 43_200.0)
    assert counts.ref_true == 4
    assert counts.sensitivity == 0.75
    assert counts.precision == 0.75
    assert counts.f1 == 0.75
    assert counts.fp_per_day == 2.0


def test_what_is_undefined_is_null_and_not_zero():
    nothing = Counts(0.0, 0.0, 0.0, 60.0)
    assert defined(nothing.sensitivity) is None
    assert defined(nothing.precision) is None
    assert defined(nothing.f1) is None
    assert defined(nothing.fp_per_day) == 0.0


def test_the_two_definitions_of_f1_part_where_a_subject_has_no_detection():
    silent = Counts(0.0, 0.0, 2.0, 60.0)
    assert silent.f1 == 0.0
    assert np.isnan(silent.legacy_f1)
    wrong = Counts(0.0, 2.0, 2.0, 60.0)
    assert wrong.legacy_f1 == 0.0


def test_counts_add_and_group():
    many = Counts([1, 2, 3], [0, 1, 0], [1, 0, 0], [10, 20, 30])
    assert many.total().tp == 6
    assert (many[0] + many[1]).duration_s == 30
    grouped = many.grouped(np.array([1, 0, 1]), 2)
    np.testing.assert_array_equal(grouped.tp, [2, 4])
    np.testing.assert_array_equal(grouped.duration_s, [20, 40])
    weighted = many.weighted(np.array([[1.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(weighted.tp, [7.0])


@pytest.mark.parametrize(("a", "b", "expected"), [(1, 0, np.nan), (0, 0, np.nan), (1, 4, 0.25)])
def test_ratio(a, b, expected):
    np.testing.assert_equal(ratio(a, b), expected)
