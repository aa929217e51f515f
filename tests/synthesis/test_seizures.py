from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.synthesis.scalp import path_lengths_rad
from brainbrr.synthesis.seizures import (
    discharge,
    draw_semiology,
    frequency_hz,
    involvement,
    post_ictal,
    recruitment_s,
    seizure,
)
from tests.synthesis.spectra import band_rms, dominant_hz

RATE_HZ = 256
SEIZURE_S = 60


def regular_semiology(generator):
    """A semiology without what blurs frequency, amplitude and spread."""
    return replace(
        draw_semiology(generator),
        turn=1.0,
        recruited_by=0.55,
        irregularity=0.06,
        independence_rad=0.0,
        slowing=0.0,
        waxing=0.0,
    )


@pytest.fixture(params=range(6))
def case(request):
    generator = np.random.default_rng(request.param)
    semiology = regular_semiology(generator)
    return semiology, seizure(generator, SEIZURE_S * RATE_HZ, RATE_HZ, semiology, 80.0)


def test_the_frequency_falls_from_its_first_to_its_last_value(case):
    semiology, signal = case
    focus = signal[semiology.focus]
    early_hz = dominant_hz(focus[5 * RATE_HZ : 9 * RATE_HZ], RATE_HZ, 1.0, 30)
    late_hz = dominant_hz(focus[-6 * RATE_HZ : -1 * RATE_HZ], RATE_HZ, 1.0, 30)
    assert early_hz == pytest.approx(float(frequency_hz(semiology, np.float32(7 / 60))), rel=0.2)
    assert late_hz == pytest.approx(semiology.final_hz, rel=0.2)


@pytest.mark.parametrize("seed", range(6))
def test_the_amplitude_grows_from_its_initial_level(seed):
    generator = np.random.default_rng(seed)
    semiology = replace(regular_semiology(generator), initial_level=0.4, sharpness=0.9)
    signal = seizure(generator, SEIZURE_S * RATE_HZ, RATE_HZ, semiology, 80.0)
    focus = signal[semiology.focus]
    assert focus[-20 * RATE_HZ :].std() > 1.3 * focus[2 * RATE_HZ : 8 * RATE_HZ].std()
    assert 60 < np.abs(focus).max() < 400


def test_the_discharge_arrives_in_the_order_of_distance_from_the_focus(case):
    semiology, signal = case
    shares = involvement(semiology, SEIZURE_S * RATE_HZ, RATE_HZ)
    order = np.argsort(path_lengths_rad()[semiology.focus])
    assert (np.diff(recruitment_s(semiology, SEIZURE_S)[order]) >= 0).all()
    assert np.argmax(shares[:, 0]) == semiology.focus == order[0]
    first_uv = np.square(signal[:, RATE_HZ : 5 * RATE_HZ]).mean(axis=1)
    assert np.argmax(first_uv) == semiology.focus
    wide = np.sqrt(np.square(signal).mean(axis=1)) > 10
    assert np.count_nonzero(wide) > np.count_nonzero(np.sqrt(first_uv) > 10)


def test_it_ends_abruptly(case):
    semiology, signal = case
    focus = signal[semiology.focus]
    assert np.abs(focus[-2 * RATE_HZ : -RATE_HZ]).max() > 30
    assert np.abs(focus[-3:]).max() < 1


def test_sharpness_brings_harmonics():
    phase = np.linspace(0, 2 * np.pi, 512, endpoint=False, dtype=np.float32)
    smooth, sharp = (
        np.abs(np.fft.rfft(discharge(phase, np.full(512, sharpness, dtype=np.float32))))
        for sharpness in (0.0, 1.0)
    )
    assert smooth[2:].sum() < 1e-3 * smooth[1]
    assert sharp[2:8].sum() > sharp[1]


@given(st.floats(0, 1))
def test_the_discharge_has_no_offset(sharpness):
    phase = np.linspace(0, 2 * np.pi, 512, endpoint=False, dtype=np.float32)
    wave = discharge(phase, np.full(512, sharpness, dtype=np.float32))
    assert abs(float(wave.mean())) < 1e-4


def test_slowing_follows_and_fades():
    generator = np.random.default_rng(3)
    semiology = draw_semiology(generator)
    waves = post_ictal(generator, 60 * RATE_HZ, RATE_HZ, semiology, 40.0)[semiology.focus]
    assert band_rms(waves, RATE_HZ, 0.5, 4) > 5 * band_rms(waves, RATE_HZ, 4, 30)
    assert waves[: 20 * RATE_HZ].std() > 2 * waves[-20 * RATE_HZ :].std()
