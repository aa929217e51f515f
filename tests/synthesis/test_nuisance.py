"""Nuisance signals: where on the head, at which frequencies, and when."""

import numpy as np
import pytest

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis import nuisance
from brainbrr.synthesis.states import Vigilance
from tests.synthesis.spectra import band_rms

RATE_HZ = 256
O1, O2, FP1, CZ = (ELECTRODES.index(name) for name in ("O1", "O2", "Fp1", "Cz"))
HALVES = Vigilance(("eyes_open", "eyes_closed"), np.array([0.0, 60.0, 120.0]))


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
