"""Polyphase resampling, a stretch at a time."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.signal.resampling import extended, rate_ratio, resample_span

RATES_HZ = [512, 500, 400, 250, 200, 128, 1000, 2048, 249.5, 173.61]


def tones(rate_hz, n_samples):
    time_s = np.arange(n_samples) / rate_hz
    return sum(np.sin(2 * np.pi * hz * time_s + hz) for hz in (1.3, 7.0, 19.0, 33.0))[None]


def reader(source):
    return lambda a, b: extended(lambda c, d: source[:, c:d].copy(), (0, source.shape[1]), a, b)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_tones_come_out_on_the_same_clock(rate_hz):
    source = tones(rate_hz, int(20 * rate_hz))
    ratio = rate_ratio(rate_hz, 256.0)
    resampled = resample_span(reader(source), ratio, 0, 20 * 256)
    inner = slice(256, -256)
    error = resampled[:, inner] - tones(256.0, 20 * 256)[:, inner]
    assert np.sqrt((error**2).mean()) < 1e-3 * np.sqrt(2)


@pytest.mark.parametrize("rate_hz", [512, 1000])
def test_what_lies_above_half_the_new_rate_is_gone(rate_hz):
    source = np.sin(2 * np.pi * 180.0 * np.arange(10 * rate_hz) / rate_hz)[None]
    resampled = resample_span(reader(source), rate_ratio(rate_hz, 256.0), 256, 9 * 256)
    assert np.abs(resampled).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [512, 500, 250, 128])
def test_an_offset_leaves_no_ripple(rate_hz):
    source = np.full((1, 10 * rate_hz), 200_000.0)
    resampled = resample_span(reader(source), rate_ratio(rate_hz, 256.0), 0, 2560)
    np.testing.assert_allclose(resampled, 200_000.0, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([512, 500, 250, 200, 128]),
    st.integers(0, 2500),
    st.integers(1, 900),
    st.booleans(),
)
def test_any_stretch_equals_the_whole(rate_hz, first, length, single):
    source = np.random.default_rng(0).standard_normal((2, 10 * rate_hz))
    source = source.astype(np.float32) if single else source
    last = min(first + length, 2560)
    ratio = rate_ratio(rate_hz, 256.0)
    whole = resample_span(reader(source), ratio, 0, 2560)
    np.testing.assert_allclose(
        resample_span(reader(source), ratio, first, last), whole[:, first:last], atol=1e-5
    )


def test_same_rate_is_the_same_samples():
    source = np.arange(100.0)[None]
    assert rate_ratio(256.0, 256.0) == 1
    np.testing.assert_array_equal(
        resample_span(reader(source), Fraction(1), 10, 20), source[:, 10:20]
    )


def test_ratios():
    assert rate_ratio(512, 256) == Fraction(1, 2)
    assert rate_ratio(1228 / 9.59375, 256) == 2
    assert rate_ratio(173.61, 256) == Fraction(25600, 17361)
    odd = rate_ratio(np.pi * 80, 256)
    assert float(odd) == pytest.approx(256 / (np.pi * 80), rel=1e-9)


def test_extension_mirrors_through_the_end_points():
    source = np.array([[0.0, 1.0, 4.0, 9.0]])
    values = extended(lambda a, b: source[:, a:b].copy(), (0, 4), -2, 7)
    np.testing.assert_array_equal(values, [[-4, -1, 0, 1, 4, 9, 14, 17, 18]])
    inner = extended(lambda a, b: source[:, a:b].copy(), (1, 3), -3, 5)
    np.testing.assert_array_equal(inner, [[-2, -2, -2, -2, 1, 4, 7, 7]])


@pytest.mark.parametrize("rate_hz", [1000, 512, 500, 250, 128, 400])
def test_frames_equal_scipy_s_filter(monkeypatch, rate_hz):
    source = np.random.default_rng(0).standard_normal((2, 4 * rate_hz))
    ratio = rate_ratio(rate_hz, 256.0)
    framed = resample_span(reader(source), ratio, 3, 1000)
    monkeypatch.setattr("brainbrr.signal.resampling._MAX_FRAMED", 0)
    np.testing.assert_allclose(framed, resample_span(reader(source), ratio, 3, 1000), atol=1e-12)
