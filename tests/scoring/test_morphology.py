import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.detection import merge_runs
from brainbrr.scoring.morphology import drop_short, fill_gaps

MASKS = st.lists(st.booleans(), min_size=1, max_size=40)
WIDTHS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 7.3, 60.0])


def runs_of(mask):
    padded = np.concatenate([[False], mask, [False]])
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


@given(MASKS, WIDTHS)
def test_gaps_shorter_than_the_limit_are_filled(mask, gap_samples):
    level = np.array(mask, np.float32)
    runs = runs_of(level > 0)
    expected = merge_runs(runs, np.zeros(len(runs), int), gap_samples)
    np.testing.assert_array_equal(runs_of(fill_gaps(level, gap_samples) > 0), expected)


@given(MASKS, WIDTHS)
def test_runs_shorter_than_the_limit_are_dropped(mask, min_samples):
    level = np.array(mask, np.float32)
    runs = runs_of(level > 0)
    expected = runs[runs[:, 1] - runs[:, 0] >= min_samples]
    np.testing.assert_array_equal(runs_of(drop_short(level, min_samples) > 0), expected)


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_nothing_to_do(width):
    level = np.array([0.1, 0.9, 0.3], np.float32)
    assert fill_gaps(level, width) is level
    assert drop_short(level, width) is level
