"""What is no EEG, by epoch."""

import numpy as np
import pytest

from brainbrr.signal.quality import (
    DISCONNECTED,
    FLAT,
    GOOD,
    MAINS,
    SATURATED,
    QualityLimits,
    judge,
    with_guard,
)

RATE_HZ = 256.0


@pytest.fixture
def epochs():
    """Ten channels, three epochs of two seconds, 30 uV of noise in 0.1-uV steps."""
    noise = np.random.default_rng(0).standard_normal((10, 3, 512)) * 30
    return np.round(noise, 1).astype(np.float32)


def verdict(epochs, mains_hz=50.0):
    return judge(epochs, RATE_HZ, mains_hz, QualityLimits())


def test_eeg_is_good(epochs):
    assert (verdict(epochs) == GOOD).all()


def test_huge_but_true_amplitudes_are_good(epochs):
    assert (verdict(epochs * 30) == GOOD).all(), "900 uV of spread happens in seizures and movement"


@pytest.mark.parametrize("value", [0.0, 175_921.0])
def test_flat(epochs, value):
    epochs[4, 1] = value
    codes = verdict(epochs)
    assert codes[4, 1] == FLAT
    assert (codes == FLAT).sum() == 1


def test_one_step_of_dither_is_flat(epochs):
    epochs[4, 1] = np.where(epochs[4, 1] > 0, 0.39, 0.0)
    assert verdict(epochs)[4, 1] == FLAT


def test_a_file_filled_up_with_zeros_is_flat_from_the_last_sample_of_eeg_on(epochs):
    epochs[:, 2, 3:] = 0
    assert (verdict(epochs)[:, 2] == FLAT).all()
    assert (verdict(epochs)[:, :2] == GOOD).all()


def test_saturated(epochs):
    epochs[2, 0] = np.clip(epochs[2, 0] * 20, -400, 400)
    codes = verdict(epochs)
    assert codes[2, 0] == SATURATED
    assert (codes == SATURATED).sum() == 1


def test_disconnected(epochs):
    epochs[7, 2] *= 100
    codes = verdict(epochs)
    assert codes[7, 2] == DISCONNECTED
    assert (codes == DISCONNECTED).sum() == 1


def test_mains_on_one_channel_is_bad_and_on_all_is_not(epochs):
    hum = (200 * np.sin(2 * np.pi * 50 * np.arange(512) / RATE_HZ)).astype(np.float32)
    single = epochs.copy()
    single[3, 1] += hum
    assert verdict(single)[3, 1] == MAINS
    assert (verdict(single) == MAINS).sum() == 1
    assert verdict(single, None)[3, 1] == GOOD
    assert (verdict(epochs + hum) == GOOD).all(), "the reference's hum cancels in the average"


def test_a_slow_drift_is_no_hum(epochs):
    epochs[3, 1] += np.linspace(-500, 500, 512)
    assert (verdict(epochs) == GOOD).all()


def test_neighbours_of_a_bad_epoch_are_bad_but_not_across_a_gap():
    codes = np.array([[0, 0, FLAT, 0, 0, 0], [MAINS, 0, 0, 0, SATURATED, 0]], dtype=np.uint8)
    follows = np.array([False, True, True, True, False, True])
    guarded = with_guard(codes, follows, 1)
    expected = [[0, FLAT, FLAT, FLAT, 0, 0], [MAINS, 0, 0, 0, SATURATED, SATURATED]]
    np.testing.assert_array_equal(guarded, expected)
    np.testing.assert_array_equal(with_guard(codes, follows, 0), codes)
