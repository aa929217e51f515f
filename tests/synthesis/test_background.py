import numpy as np
import pytest
from scipy.signal import welch

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis import background
from brainbrr.synthesis.states import Vigilance
from tests.synthesis.spectra import band_rms

RATE_HZ = 256
O1, O2, FP1, CZ = (ELECTRODES.index(name) for name in ("O1", "O2", "Fp1", "Cz"))
HALVES = Vigilance(("eyes_open", "eyes_closed"), np.array([0.0, 60.0, 120.0]))


@pytest.mark.parametrize("exponent", [1.2, 1.8])
def test_resting_power_falls_with_the_exponent(exponent):
    resting = background.resting(np.random.default_rng(1), 300 * RATE_HZ, RATE_HZ, exponent, 10.0)
    frequencies_hz, density = welch(resting, RATE_HZ, nperseg=1024)
    fitted = (frequencies_hz >= 2) & (frequencies_hz <= 80)
    slopes = np.polyfit(np.log(frequencies_hz[fitted]), np.log(density[:, fitted]).T, 1)[0]
    assert np.mean(slopes) == pytest.approx(-exponent, abs=0.15)
    assert resting.std(axis=1) == pytest.approx(np.full(19, 10.0), rel=0.15)


def test_neighbours_are_more_alike_than_distant_electrodes():
    resting = background.resting(np.random.default_rng(2), 120 * RATE_HZ, RATE_HZ, 1.5, 10.0)
    correlation = np.corrcoef(resting)
    assert correlation[O1, O2] > 0.4
    assert correlation[O1, FP1] < 0.2


def test_alpha_is_posterior_and_blocks_when_the_eyes_open():
    alpha = background.posterior_alpha(
        np.random.default_rng(3), 120 * RATE_HZ, RATE_HZ, HALVES, 10.0, 12.0
    )
    open_uv = band_rms(alpha[:, : 59 * RATE_HZ], RATE_HZ, 8, 12)
    closed_uv = band_rms(alpha[:, 61 * RATE_HZ :], RATE_HZ, 8, 12)
    assert closed_uv[O1] > 4 * open_uv[O1]
    assert closed_uv[O1] > 5 * closed_uv[FP1]


def test_spindles_come_in_sleep_only_and_over_the_centre():
    asleep = Vigilance(("drowsy", "asleep"), np.array([0.0, 60.0, 240.0]))
    waves = background.spindles(np.random.default_rng(4), 240 * RATE_HZ, RATE_HZ, asleep, 20.0)
    assert not waves[:, : 60 * RATE_HZ].any()
    sleep = waves[:, 60 * RATE_HZ :]
    assert band_rms(sleep, RATE_HZ, 11, 15)[CZ] > 1.0
    assert np.abs(sleep[CZ]).max() > 5 * np.abs(sleep[O1]).max()


def test_sleep_is_slower_than_wakefulness():
    night = Vigilance(("eyes_open", "asleep"), np.array([0.0, 60.0, 120.0]))
    waves = background.slowing(np.random.default_rng(5), 120 * RATE_HZ, RATE_HZ, night, 10.0)
    awake_uv = band_rms(waves[:, : 59 * RATE_HZ], RATE_HZ, 0.5, 4)
    asleep_uv = band_rms(waves[:, 61 * RATE_HZ :], RATE_HZ, 0.5, 4)
    assert (asleep_uv > 5 * awake_uv).all()
