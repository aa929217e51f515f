import numpy as np
import pytest

from brainbrr.signal.electrodes import ELECTRODES, MIRRORED, N_ELECTRODES
from brainbrr.synthesis.parameters import SEIZURE_TYPES as NAMES
from brainbrr.synthesis.seizure_types import SEIZURE_TYPES
from brainbrr.synthesis.seizures import draw_semiology
from tests.synthesis.spectra import band_rms, dominant_hz

RATE_HZ = 256
AMPLITUDE_UV = 80.0


def make(name, seconds, seed=0):
    generator = np.random.default_rng(seed)
    semiology = draw_semiology(generator)
    return semiology, SEIZURE_TYPES[name](
        generator, seconds * RATE_HZ, RATE_HZ, semiology, AMPLITUDE_UV
    )


def at(segment, first_s, last_s):
    return segment.waves_uv[:, first_s * RATE_HZ : last_s * RATE_HZ]


def test_every_type_of_the_parameters_can_be_made():
    assert set(SEIZURE_TYPES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seconds", [8, 61])
def test_waves_are_finite_of_the_asked_size_and_begin_and_end_at_zero(name, seconds):
    _, segment = make(name, seconds)
    assert segment.waves_uv.shape == segment.background.shape == (N_ELECTRODES, seconds * RATE_HZ)
    assert segment.waves_uv.dtype == np.float32
    assert np.isfinite(segment.waves_uv).all()
    assert np.abs(segment.waves_uv[:, [0, -1]]).max() < 0.05 * AMPLITUDE_UV
    assert segment.background.min() >= 0 and segment.background.max() <= 1 + 1e-6
    assert np.abs(segment.waves_uv).max() < 10 * AMPLITUDE_UV


def test_a_seizure_of_absence_is_generalized_spike_and_wave_of_its_band():
    for seed in range(4):
        _, segment = make("absence", 20, seed)
        spread = segment.waves_uv.std(axis=1)
        assert spread.min() > 0.2 * spread.max()
        assert 2.2 < dominant_hz(segment.waves_uv[9], RATE_HZ, 1.5, 12) < 4.5


def test_a_migrating_seizure_ends_on_the_other_side():
    semiology, segment = make("migrating", 60, seed=3)
    other = MIRRORED[semiology.focus]
    early, late = (part.std(axis=1) for part in (at(segment, 5, 15), at(segment, 48, 58)))
    assert other != semiology.focus and early[semiology.focus] > early[other]
    assert late[other] / late[semiology.focus] > 1.3 * early[other] / early[semiology.focus]


def test_the_clonic_phase_of_a_tonic_clonic_seizure_slows_and_suppression_follows():
    _, segment = make("tonic_clonic", 90)
    tonic, end = at(segment, 34, 42), at(segment, 80, 89)
    rows = slice(None)
    fast = [band_rms(part[rows], RATE_HZ, 20, 100) for part in (tonic, end)]
    assert np.min(fast[0]) > 0.05 * AMPLITUDE_UV
    assert segment.suppression_s >= 10
    assert dominant_hz(tonic[9], RATE_HZ, 5, 20) > 7
    assert segment.background[:, 45 * RATE_HZ].max() < 0.3


def test_electrodecrement_flattens_the_background():
    _, segment = make("electrodecrement", 10)
    middle = segment.background[:, 3 * RATE_HZ : 7 * RATE_HZ]
    assert middle.max() < 0.5
    assert at(segment, 3, 7).std() < 0.2 * AMPLITUDE_UV


def test_a_subtle_seizure_stays_near_its_focus():
    semiology, segment = make("subtle", 30, seed=1)
    spread = segment.waves_uv.std(axis=1)
    assert spread.argmax() == semiology.focus
    assert np.sort(spread)[9] < 0.5 * spread.max()
    assert np.all(segment.background == 1)


def test_mirroring_twice_returns_and_keeps_the_midline():
    for electrode, name in enumerate(ELECTRODES):
        assert MIRRORED[MIRRORED[electrode]] == electrode
        assert (MIRRORED[electrode] == electrode) == name.endswith("z")
