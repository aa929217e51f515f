"""Resting EEG: 1/f activity, posterior alpha that blocks, sleep spindles, slowing by vigilance."""

import numpy as np
from numpy.random import Generator
from scipy.signal.windows import tukey

from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.synthesis.noise import Signal, add_at, band_noise, power_law, shaped_noise
from brainbrr.synthesis.scalp import mix, spatial_mixing, topography
from brainbrr.synthesis.states import Vigilance

_ALPHA_LEFT = topography(
    {"O1": 1.0, "P3": 0.7, "T5": 0.6, "Pz": 0.45, "O2": 0.35, "P4": 0.2, "C3": 0.25, "Cz": 0.12}
)
_ALPHA_RIGHT = topography(
    {"O2": 1.0, "P4": 0.7, "T6": 0.6, "Pz": 0.45, "O1": 0.35, "P3": 0.2, "C4": 0.25, "Cz": 0.12}
)
_CENTRAL = topography(
    {
        "Cz": 1.0, "C3": 0.8, "C4": 0.8, "Fz": 0.8, "F3": 0.6, "F4": 0.6, "Pz": 0.5, "P3": 0.3,
        "P4": 0.3,
    }
)  # fmt: skip
_FRONTAL_SLOW = topography(
    {
        "Fp1": 0.8, "Fp2": 0.8, "Fz": 1.0, "F3": 0.95, "F4": 0.95, "F7": 0.6, "F8": 0.6, "Cz": 0.9,
        "C3": 0.8, "C4": 0.8, "T3": 0.45, "T4": 0.45, "Pz": 0.7, "P3": 0.6, "P4": 0.6, "T5": 0.4,
        "T6": 0.4, "O1": 0.4, "O2": 0.4,
    }
)  # fmt: skip
ALPHA_LEVEL = {"eyes_open": 0.15, "eyes_closed": 1.0, "drowsy": 0.3, "asleep": 0.0}
_THETA_LEVEL = {"eyes_open": 0.15, "eyes_closed": 0.2, "drowsy": 1.0, "asleep": 0.7}
_DELTA_LEVEL = {"eyes_open": 0.0, "eyes_closed": 0.0, "drowsy": 0.3, "asleep": 1.0}


def resting(
    generator: Generator, n_samples: int, rate_hz: float, exponent: float, rms_uv: float
) -> Signal:
    """Make 1/f activity correlated over the scalp, `(electrodes, samples)` microvolts.

    Each electrode has its own slope, spread around `exponent`.
    """
    exponents = exponent + 0.15 * generator.standard_normal(N_ELECTRODES)
    sources = shaped_noise(generator, N_ELECTRODES, n_samples, rate_hz, power_law(exponents))
    return mix(rms_uv * spatial_mixing(), sources)


def posterior_alpha(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    vigilance: Vigilance,
    alpha_hz: float,
    rms_uv: float,
) -> Signal:
    """Make the rhythm over the back of the head that appears with closed eyes and then blocks."""
    sources = band_noise(generator, 2, n_samples, rate_hz, alpha_hz, 0.5)
    sources *= rms_uv * vigilance.envelope(ALPHA_LEVEL, n_samples, rate_hz)
    return mix(np.stack([_ALPHA_LEFT, _ALPHA_RIGHT], axis=1), sources)


def slowing(
    generator: Generator, n_samples: int, rate_hz: float, vigilance: Vigilance, rms_uv: float
) -> Signal:
    """Make theta of drowsiness and delta of sleep, widest over the front."""
    theta = band_noise(generator, 2, n_samples, rate_hz, 5.5, 1.0)
    delta = band_noise(generator, 2, n_samples, rate_hz, 1.4, 0.6)
    theta *= 0.7 * rms_uv * vigilance.envelope(_THETA_LEVEL, n_samples, rate_hz)
    delta *= 1.8 * rms_uv * vigilance.envelope(_DELTA_LEVEL, n_samples, rate_hz)
    tilt = _FRONTAL_SLOW * topography_side(generator)
    return mix(np.stack([_FRONTAL_SLOW, tilt], axis=1) * np.float32(0.7), theta + delta)


def topography_side(generator: Generator) -> Signal:
    """Draw a gain per electrode, so that two sources with one topography are not the same."""
    return generator.uniform(0.3, 1.3, N_ELECTRODES).astype(np.float32)


def spindles(
    generator: Generator, n_samples: int, rate_hz: float, vigilance: Vigilance, peak_uv: float
) -> Signal:
    """Make sleep spindles (11.5-14.5 Hz, 0.5-1.5 s) and K-complexes while asleep."""
    course = np.zeros(n_samples, dtype=np.float32)
    for onset_s, offset_s in vigilance.segments("asleep"):
        for at_s in _poisson_times(generator, onset_s, offset_s, 8 / 60):
            length = round(generator.uniform(0.5, 1.5) * rate_hz)
            time_s = np.arange(length) / rate_hz
            wave = np.sin(2 * np.pi * generator.uniform(11.5, 14.5) * time_s)
            add_at(
                course,
                (peak_uv * wave * tukey(length, 1.0)).astype(np.float32),
                round(at_s * rate_hz),
            )
        for at_s in _poisson_times(generator, onset_s, offset_s, 2 / 60):
            add_at(course, _k_complex(generator, rate_hz, 3.0 * peak_uv), round(at_s * rate_hz))
    return _CENTRAL[:, None] * course


def _k_complex(generator: Generator, rate_hz: float, peak_uv: float) -> Signal:
    time_s = np.arange(round(1.2 * rate_hz)) / rate_hz
    size = generator.uniform(0.6, 1.3) * peak_uv
    sharp = -np.exp(-(((time_s - 0.35) / 0.08) ** 2))
    slow = 0.7 * np.exp(-(((time_s - 0.7) / 0.18) ** 2))
    return (size * (sharp + slow)).astype(np.float32)


def _poisson_times(
    generator: Generator, onset_s: float, offset_s: float, per_second: float
) -> Signal:
    count = generator.poisson(per_second * (offset_s - onset_s))
    return np.sort(generator.uniform(onset_s, offset_s, count)).astype(np.float32)
