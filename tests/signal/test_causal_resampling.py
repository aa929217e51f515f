"""A change of rate in blocks gives the numbers of the whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brainbrr.signal.causal_resampling import CausalResampler
from brainbrr.signal.resampling import extended, rate_ratio, resample_span

RATES_HZ = (32.0, 100.0, 199.8, 200.0, 250.0, 256.0, 400.0, 499.9, 500.0, 512.0, 1000.0, 2048.0)


def whole(eeg, ratio, n_out):
    def read(first, last):
        return extended(lambda a, b: eeg[:, a:b].copy(), (0, eeg.shape[1]), first, last)

    return resample_span(read, ratio, 0, n_out)


def in_blocks(eeg, ratio, n_out, edges):
    resampler = CausalResampler(ratio, eeg.shape[0])
    parts = [resampler.push(eeg[:, a:b]) for a, b in pairwise([0, *edges, eeg.shape[1]])]
    return np.concatenate([*parts, resampler.finish(n_out)], axis=1)


@example(rate_hz=1000.0, n_samples=1, cuts=[], seed=0)  # shorter than one sample of the target
@settings(max_examples=60)
@given(
    st.sampled_from(RATES_HZ),
    st.integers(1, 3000),
    st.lists(st.integers(0, 3000), max_size=6),
    st.integers(0, 9),
)
def test_blocks_equal_the_whole(rate_hz, n_samples, cuts, seed):
    eeg = np.random.default_rng(seed).standard_normal((2, n_samples)) * 50.0 + 400.0
    ratio, n_out = rate_ratio(rate_hz, 256.0), round(n_samples / rate_hz * 256.0)
    edges = sorted(min(cut, n_samples) for cut in cuts)
    ours = in_blocks(eeg, ratio, n_out, edges)
    assert ours.shape == (2, n_out)
    np.testing.assert_allclose(ours, whole(eeg, ratio, n_out), atol=1e-8)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_waits_for_its_reach_and_keeps_no_more_than_its_filter(rate_hz):
    ratio = rate_ratio(rate_hz, 256.0)
    resampler = CausalResampler(ratio, 1)
    generator, n_in, n_out, held = np.random.default_rng(0), 0, 0, []
    for second in range(200):
        block = generator.standard_normal((1, round(rate_hz)))
        n_out += resampler.push(block).shape[1]
        n_in += block.shape[1]
        # At its beginning it also waits for as much as it mirrors.
        assert second < 2 or n_in - n_out / ratio <= resampler.reach + 1 + 1 / ratio
        held.append(resampler._buffer.shape[1])
    assert max(held[5:]) <= max(held[:5]) + 2


def test_nothing_in_is_nothing_out():
    resampler = CausalResampler(rate_ratio(500.0, 256.0), 3)
    assert resampler.push(np.empty((3, 0))).shape == (3, 0)
    assert resampler.finish(0).shape == (3, 0)
