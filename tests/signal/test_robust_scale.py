"""Robust centre and spread from counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainbrr.signal.quantization import STEP_UV
from brainbrr.signal.robust_scale import count_steps, robust_scale


def test_of_a_normal_signal():
    steps = np.rint(np.random.default_rng(0).normal(50, 200, 200_000)).astype(np.int16)
    center_uv, scale_uv = robust_scale(count_steps(steps))
    assert center_uv == pytest.approx(5.0, abs=0.2)
    assert scale_uv == pytest.approx(20.0, rel=0.02)


def test_outliers_hardly_matter():
    steps = np.rint(np.random.default_rng(0).normal(0, 200, 100_000)).astype(np.int16)
    steps[:5000] = 32767
    assert robust_scale(count_steps(steps))[1] == pytest.approx(20.0, rel=0.1)


@given(arrays(np.int16, st.integers(1, 300)), st.integers(0, 300))
def test_counts_of_parts_add_up_and_quantiles_are_numpy_s(steps, cut):
    counts = count_steps(steps[:cut]) + count_steps(steps[cut:])
    np.testing.assert_array_equal(counts, count_steps(steps))
    low, middle, high = np.quantile(steps.astype(float), [0.25, 0.5, 0.75], method="lower")
    center_uv, scale_uv = robust_scale(counts)
    assert center_uv == pytest.approx(middle * STEP_UV)
    assert scale_uv == pytest.approx(max((high - low) * STEP_UV / 1.3489795, STEP_UV))


def test_nothing_counted():
    assert robust_scale(np.zeros(2**16, dtype=np.int64)) == (0.0, 1.0)
