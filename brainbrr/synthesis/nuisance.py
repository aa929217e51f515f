"""Nuisance signals of every recording: eyes, muscle, electrodes, mains hum, heart.

Each is a pure function to `(electrodes, samples)` microvolts unless stated otherwise.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.synthesis.noise import Signal, add_at, muscle_noise, slow_wander, taper
from brainbrr.synthesis.scalp import topography
from brainbrr.synthesis.states import Vigilance

_BLINK = topography(
    {
        "Fp1": 1.0, "Fp2": 1.0, "F7": 0.3, "F8": 0.3, "F3": 0.4, "F4": 0.4, "Fz": 0.42, "C3": 0.1,
        "C4": 0.1, "Cz": 0.12,
    }
)  # fmt: skip
_GAZE = topography({"F7": 1.0, "F8": -1.0, "Fp1": 0.3, "Fp2": -0.3, "T3": 0.3, "T4": -0.3})
_BLINKS_PER_S = {"eyes_open": 0.25, "eyes_closed": 0.01, "drowsy": 0.05, "asleep": 0.0}


def blinks(
    generator: Generator, n_samples: int, rate_hz: float, vigilance: Vigilance, peak_uv: float
) -> Signal:
    """Make eye blinks and sideways glances while the eyes are open."""
    vertical = np.zeros(n_samples, dtype=np.float32)
    sideways = np.zeros(n_samples, dtype=np.float32)
    for state, onset_s, offset_s in zip(
        vigilance.states, vigilance.edges_s[:-1], vigilance.edges_s[1:], strict=True
    ):
        count = generator.poisson(_BLINKS_PER_S[state] * (offset_s - onset_s))
        for at_s in generator.uniform(onset_s, offset_s, count):
            if generator.random() < 0.8:
                shape = _blink(generator, rate_hz, peak_uv)
                add_at(vertical, shape, round(at_s * rate_hz))
            else:
                shape = _glance(generator, rate_hz, 0.4 * peak_uv)
                add_at(sideways, shape, round(at_s * rate_hz))
    return _BLINK[:, None] * vertical + _GAZE[:, None] * sideways


def _blink(generator: Generator, rate_hz: float, peak_uv: float) -> Signal:
    time_s = np.arange(round(0.6 * rate_hz)) / rate_hz
    width_s = generator.uniform(0.06, 0.1)
    lid = np.exp(-(((time_s - 0.2) / width_s) ** 2))
    rebound = 0.15 * np.exp(-(((time_s - 0.4) / 0.08) ** 2))
    return (generator.uniform(0.6, 1.3) * peak_uv * (lid - rebound)).astype(np.float32)


def _glance(generator: Generator, rate_hz: float, peak_uv: float) -> Signal:
    length = round(generator.uniform(0.3, 1.2) * rate_hz)
    size_uv = generator.choice([-1.0, 1.0]) * generator.uniform(0.5, 1.2) * peak_uv
    return np.float32(size_uv) * taper(length, rate_hz, 0.06, 0.12)


def muscle(
    generator: Generator, n_samples: int, rate_hz: float, tonus: Signal, rms_uv: float
) -> Signal:
    """Make tonic electromyogram that follows `tonus` `(samples,)`, mostly over temples and brow."""
    weights = np.full(N_ELECTRODES, 0.3)
    weights[[5, 6, 16, 17, 0, 11]] = 1.0  # F7 T3 F8 T4 Fp1 Fp2
    weights *= generator.uniform(0.4, 1.4, N_ELECTRODES)
    level = np.exp(0.8 * slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, 4.0) - 0.3)
    noise = muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    noise *= (rms_uv * weights[:, None]).astype(np.float32) * level * tonus
    return noise


def drift(generator: Generator, n_samples: int, rate_hz: float, rms_uv: float) -> Signal:
    """Make slow drift of electrode potentials by sweat and polarization; large at a few."""
    sizes = rms_uv * np.exp(0.7 * generator.standard_normal((N_ELECTRODES, 1)))
    wander = slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, 4.0)
    wander += slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, 15.0)
    return sizes.astype(np.float32) * wander


def pops(generator: Generator, n_samples: int, rate_hz: float, per_hour: float) -> Signal:
    """Make single jumps of single electrodes with an exponential return."""
    signal = np.zeros((N_ELECTRODES, n_samples), dtype=np.float32)
    time_s = np.arange(round(2.5 * rate_hz)) / rate_hz
    for _ in range(generator.poisson(per_hour * n_samples / rate_hz / 3600)):
        size_uv = generator.choice([-1.0, 1.0]) * generator.uniform(60.0, 350.0)
        shape = size_uv * np.exp(-time_s / generator.uniform(0.1, 0.5))
        electrode = int(generator.integers(N_ELECTRODES))
        add_at(signal[electrode], shape.astype(np.float32), int(generator.integers(n_samples)))
    return signal


def mains_hum(
    generator: Generator, n_samples: int, rate_hz: float, mains_hz: float, rms_uv: float
) -> Signal:
    """Make mains hum and its third harmonic, of another size at each electrode."""
    time_s = np.arange(n_samples) / rate_hz
    sizes_uv = rms_uv * np.exp(0.6 * generator.standard_normal((N_ELECTRODES, 1)))
    phases = generator.uniform(0, 0.6, (N_ELECTRODES, 1))
    # Two numbers per electrode times two shared waves are far cheaper than one sine per electrode.
    hum = np.zeros((N_ELECTRODES, n_samples), dtype=np.float32)
    for harmonic, part in ((1, 1.4), (3, 0.15)):
        if harmonic * mains_hz < rate_hz / 2:
            angle = 2 * np.pi * harmonic * mains_hz * time_s
            hum += (sizes_uv * part * np.cos(phases)).astype(np.float32) * np.sin(angle).astype(
                np.float32
            )
            hum += (sizes_uv * part * np.sin(phases)).astype(np.float32) * np.cos(angle).astype(
                np.float32
            )
    hum *= 1 + 0.1 * slow_wander(generator, 1, n_samples, rate_hz, 8.0)
    return hum


def heart(generator: Generator, n_samples: int, rate_hz: float) -> Signal:
    """Make an electrocardiogram of about 1 mV, `(samples,)`, its rhythm modulated by breathing."""
    course = np.zeros(n_samples, dtype=np.float32)
    beat = _beat(rate_hz)
    interval_s, at_s = generator.uniform(0.45, 1.1), 0.0
    while at_s < n_samples / rate_hz:
        add_at(course, beat, round(at_s * rate_hz))
        breathing = 0.05 * np.sin(2 * np.pi * 0.25 * at_s)
        at_s += interval_s * (1 + breathing + 0.02 * generator.standard_normal())
    return course


def _beat(rate_hz: float) -> NDArray[np.float32]:
    time_s = np.arange(round(0.65 * rate_hz)) / rate_hz
    waves = ((0.1, 0.03, 120.0), (0.2, 0.008, -150.0), (0.222, 0.011, 1100.0),
             (0.245, 0.01, -250.0), (0.45, 0.05, 250.0))  # fmt: skip
    return np.sum(
        [size_uv * np.exp(-(((time_s - at_s) / width_s) ** 2)) for at_s, width_s, size_uv in waves],
        axis=0,
    ).astype(np.float32)
