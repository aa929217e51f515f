import numpy as np
import pytest
from scipy.signal import welch

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis import background, nuisance
from brainbrr.synthesis.states import STATES, Vigilance, draw_vigilance
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


def test_blinks_are_frontal_and_need_open_eyes():
    blinks = nuisance.blinks(np.random.default_rng(6), 120 * RATE_HZ, RATE_HZ, HALVES, 100.0)
    opened, closed = blinks[:, : 60 * RATE_HZ], blinks[:, 60 * RATE_HZ :]
    assert np.abs(opened[FP1]).max() > 50
    assert np.square(opened[FP1]).sum() > 5 * np.square(closed[FP1]).sum()
    assert not opened[O1].any()


def test_mains_hum_is_at_the_mains():
    hum = nuisance.mains_hum(np.random.default_rng(7), 20 * RATE_HZ, RATE_HZ, 60.0, 5.0)
    assert (band_rms(hum, RATE_HZ, 58, 62) > 20 * band_rms(hum, RATE_HZ, 1, 50)).all()
    assert np.median(hum.std(axis=1)) == pytest.approx(5.0, rel=0.4)


def test_the_third_harmonic_of_the_mains_is_left_out_where_it_would_alias():
    hum = nuisance.mains_hum(np.random.default_rng(8), 20 * 200, 200, 50.0, 5.0)
    assert (band_rms(hum, 200, 45, 55) > 20 * band_rms(hum, 200, 1, 45)).all()


def test_the_heart_beats_about_once_a_second():
    course = nuisance.heart(np.random.default_rng(9), 60 * RATE_HZ, RATE_HZ)
    beats = np.flatnonzero(
        (course[1:-1] > 700) & (course[1:-1] >= course[:-2]) & (course[1:-1] > course[2:])
    )
    assert 55 <= len(beats) <= 95


def test_vigilance_covers_the_recording_without_a_gap():
    vigilance = draw_vigilance(np.random.default_rng(10), 3600.0)
    assert vigilance.edges_s[0] == 0 and vigilance.edges_s[-1] == 3600
    assert (np.diff(vigilance.edges_s) > 0).all() and set(vigilance.states) == set(STATES)
    lengths_s = [off - on for on, off in vigilance.segments(*STATES)]
    assert sum(lengths_s) == pytest.approx(3600)


def test_an_envelope_takes_the_level_of_each_state():
    envelope = HALVES.envelope({"eyes_open": 0.2, "eyes_closed": 1.0}, 120 * 10, 10)
    assert envelope[[0, 590, 610, 1199]] == pytest.approx([0.2, 0.2, 1.0, 1.0])
