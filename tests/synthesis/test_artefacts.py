import numpy as np
import pytest

from brainbrr.synthesis.artefacts import ARTEFACTS, chewing, electrode_tremor
from tests.synthesis.spectra import band_rms, dominant_hz

RATE_HZ = 256
N_SAMPLES = 30 * RATE_HZ


@pytest.fixture(params=sorted(ARTEFACTS))
def make(request):
    return ARTEFACTS[request.param]


def test_an_artefact_is_microvolts_at_the_electrodes(make):
    signal = make(np.random.default_rng(1), N_SAMPLES, RATE_HZ, 60.0)
    assert signal.shape == (19, N_SAMPLES) and signal.dtype == np.float32
    assert np.isfinite(signal).all()
    assert 20 < np.abs(signal).max() < 800


def test_the_generator_decides_everything(make):
    first, again, other = (
        make(np.random.default_rng(seed), N_SAMPLES, RATE_HZ, 60.0) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_size_follows_the_amplitude(make):
    small, large = (
        make(np.random.default_rng(3), N_SAMPLES, RATE_HZ, size) for size in (10.0, 40.0)
    )
    assert np.allclose(large, 4 * small, rtol=1e-4, atol=1e-4)


def test_it_begins_and_ends_at_rest(make):
    signal = make(np.random.default_rng(4), N_SAMPLES, RATE_HZ, 60.0)
    assert np.abs(signal[:, [0, -1]]).max() < 0.5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "low_hz", "high_hz"),
    [
        ("electrode_tremor", 3.0, 7.0),
        ("drowsy_theta", 4.0, 7.0),
        ("temporal_theta", 4.5, 7.0),
        ("delta_run", 2.2, 3.5),
        ("mu_burst", 9.0, 11.0),
    ],
)
def test_rhythmic_artefacts_keep_their_frequency(name, low_hz, high_hz, seed):
    signal = ARTEFACTS[name](np.random.default_rng(seed), N_SAMPLES, RATE_HZ, 60.0)
    loudest = signal[np.argmax(signal.std(axis=1))]
    early_hz = dominant_hz(loudest[2 * RATE_HZ : 14 * RATE_HZ], RATE_HZ, 2, 12)
    late_hz = dominant_hz(loudest[16 * RATE_HZ : 28 * RATE_HZ], RATE_HZ, 2, 12)
    assert low_hz * 0.95 <= early_hz <= high_hz * 1.05
    assert late_hz == pytest.approx(early_hz, rel=0.08)


def test_a_tremor_shakes_few_electrodes():
    signal = electrode_tremor(np.random.default_rng(5), N_SAMPLES, RATE_HZ, 60.0)
    sizes = np.sort(signal.std(axis=1))
    assert sizes[-1] > 4 * np.median(sizes)


def test_chewing_is_muscle():
    signal = chewing(np.random.default_rng(6), N_SAMPLES, RATE_HZ, 60.0)
    loudest = signal[np.argmax(band_rms(signal, RATE_HZ, 20, 100))]
    assert band_rms(loudest, RATE_HZ, 20, 100) > 3 * band_rms(loudest, RATE_HZ, 3, 15)


def test_the_ecg_is_one_dipole_at_the_rate_of_a_heart():
    signal = ARTEFACTS["ecg"](np.random.default_rng(7), N_SAMPLES, RATE_HZ, 60.0)
    _, sizes, courses = np.linalg.svd(signal, full_matrices=False)
    assert sizes[0] > 100 * sizes[1]
    course = np.abs(courses[0])
    beats = np.flatnonzero(
        (course > 0.5 * course.max())
        & (course >= np.roll(course, 1))
        & (course > np.roll(course, -1))
    )
    intervals_s = np.diff(beats) / RATE_HZ
    assert 0.4 < np.median(intervals_s) < 1.2
    assert intervals_s.std() < 0.1 * intervals_s.mean()
