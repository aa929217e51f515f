import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.intervals import (
    as_intervals,
    clip,
    complement,
    from_mask,
    intersect,
    merge,
    to_mask,
    total_s,
)

PAIRS = st.lists(
    st.tuples(st.integers(0, 80), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))),
    max_size=8,
)
MASKS = st.lists(st.booleans(), min_size=1, max_size=60)


def mask_of(pairs, n_samples=120):
    mask = np.zeros(n_samples, bool)
    for first, last in pairs:
        mask[int(first) : int(last)] = True
    return mask


@given(PAIRS)
def test_merge_is_the_union(pairs):
    merged = merge(as_intervals(pairs))
    np.testing.assert_array_equal(mask_of(merged), mask_of(pairs))
    assert np.all(merged[1:, 0] > merged[:-1, 1])
    np.testing.assert_array_equal(merge(merged), merged)


@given(PAIRS, PAIRS)
def test_intersect_is_what_both_cover(first, second):
    both = intersect(as_intervals(first), as_intervals(second))
    np.testing.assert_array_equal(mask_of(both), mask_of(first) & mask_of(second))


@given(PAIRS)
def test_complement_is_what_is_left(pairs):
    rest = complement(as_intervals(pairs), 0, 120)
    np.testing.assert_array_equal(mask_of(rest), ~mask_of(pairs))
    assert total_s(rest) + total_s(clip(as_intervals(pairs), 0, 120)) == pytest.approx(120)


@given(MASKS, st.sampled_from([1.0, 7.3, 256.0]))
def test_masks_come_back(mask, rate_hz):
    found = from_mask(np.array(mask), rate_hz)
    np.testing.assert_array_equal(to_mask(found, len(mask), rate_hz), mask)


def test_a_gap_of_exactly_the_limit_stays():
    pairs = as_intervals([(0, 10), (15, 20)])
    assert len(merge(pairs, 5.0)) == 2
    assert len(merge(pairs, 5.1)) == 1
    assert len(merge(as_intervals([(0, 10), (10, 20)]))) == 1


def test_clip_drops_what_lies_outside():
    clipped = clip(as_intervals([(-5, 2), (3, 4), (8, 20), (30, 40)]), 0, 10)
    np.testing.assert_array_equal(clipped, [[0, 2], [3, 4], [8, 10]])


def test_empty_sets():
    none = as_intervals([])
    assert none.shape == (0, 2)
    assert merge(none).shape == intersect(none, none).shape == (0, 2)
    np.testing.assert_array_equal(complement(none, 0, 5), [[0, 5]])
    assert total_s(none) == 0.0
