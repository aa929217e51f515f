"""Seizures by type: what each adds to the EEG, and what it takes from the background.

Each is a pure function `(generator, n_samples, rate_hz, semiology, amplitude_uv)` to an
`Effect`. Neonatal seizures are not among them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.signal.electrodes import MIRRORED, N_ELECTRODES
from brainbrr.synthesis.effect import Effect
from brainbrr.synthesis.noise import (
    Signal,
    band_noise,
    log_uniform,
    muscle_noise,
    phase_of,
    slow_wander,
    taper,
)
from brainbrr.synthesis.scalp import FRONT_TO_BACK, field, path_lengths_rad
from brainbrr.synthesis.seizures import (
    Semiology,
    discharge,
    involvement,
    irregular_slowing,
    seizure,
)

_MOTOR_PROBABILITY = 0.5


SeizureType = Callable[[Generator, int, float, Semiology, float], Effect]


def focal(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make a focal discharge that evolves and spreads."""
    waves = seizure(generator, n_samples, rate_hz, semiology, amplitude_uv)
    share = involvement(semiology, n_samples, rate_hz)
    if generator.random() < _MOTOR_PROBABILITY:
        waves = waves + amplitude_uv * _motor_activity(generator, n_samples, rate_hz)
    return Effect(waves, 1 - np.float32(generator.uniform(0.0, 0.4)) * share)


def migrating(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make a focal discharge that moves to the mirrored region of the other hemisphere half way."""
    first = focal(generator, n_samples, rate_hz, semiology, amplitude_uv)
    other = MIRRORED[semiology.focus]
    second = focal(generator, n_samples, rate_hz, replace(semiology, focus=other), amplitude_uv)
    turn = generator.uniform(0.35, 0.65)
    moved = np.clip((np.linspace(0, 1, n_samples) - turn) / 0.1 + 0.5, 0, 1).astype(np.float32)
    return Effect(
        (1 - 0.8 * moved) * first.waves_uv + moved * second.waves_uv,
        np.minimum(first.background, second.background),
    )


def absence(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make generalized spike-and-wave of 2.5 to 4 Hz that begins and ends abruptly."""
    progress = np.arange(n_samples, dtype=np.float32) / n_samples
    start_hz = generator.uniform(3.0, 4.2)
    course_hz = start_hz - generator.uniform(0.2, 0.9) * progress
    course_hz = course_hz * (1 + 0.02 * slow_wander(generator, 1, n_samples, rate_hz, 1.0)[0])
    phase = phase_of(course_hz, rate_hz)
    waves = _generalized(generator, phase, rate_hz, generator.uniform(0.75, 1.0), 0.5)
    envelope = taper(n_samples, rate_hz, 0.3, 0.3)
    return Effect(
        np.asarray(1.4 * amplitude_uv * envelope * waves, dtype=np.float32),
        1 - np.float32(generator.uniform(0.0, 0.7)) * np.broadcast_to(envelope, waves.shape),
    )


def tonic_clonic(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make a focal start, a tonic phase of fast rhythm and muscle, clonic bursts that slow from 5
    to 1 Hz, and suppression."""
    progress = np.linspace(0, 1, n_samples, dtype=np.float32)
    tonic_at, clonic_at = generator.uniform(0.15, 0.35), generator.uniform(0.5, 0.65)
    lead = focal(generator, n_samples, rate_hz, semiology, amplitude_uv)
    leading = np.clip((tonic_at + 0.05 - progress) / 0.05, 0, 1)
    tonic = np.clip((progress - tonic_at) / 0.05, 0, 1) * np.clip(
        (clonic_at + 0.03 - progress) / 0.06, 0, 1
    )
    clonic = np.clip((progress - clonic_at) / 0.05, 0, 1)
    recruit_hz = 14 - 6 * np.clip((progress - tonic_at) / (clonic_at - tonic_at), 0, 1)
    fast = np.cos(phase_of(recruit_hz, rate_hz))
    ended = np.clip((progress - clonic_at) / (1 - clonic_at), 0, 1)
    clonic_hz = 5.0 * (1 - ended) + 1.0 * ended
    beats = phase_of(clonic_hz, rate_hz)
    jerk = np.exp(4 * (np.cos(beats) - 1))
    gains = generator.uniform(0.6, 1.2, (N_ELECTRODES, 1)).astype(np.float32)
    emg = muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    emg *= generator.uniform(0.3, 1.2, (N_ELECTRODES, 1)).astype(np.float32)
    muscle = generator.uniform(0.3, 1.2) * emg * (tonic + clonic * jerk)
    spikes = _generalized(generator, beats, rate_hz, 0.9, 0.2)
    waves = gains * (tonic * (0.4 + progress) * fast) + clonic * spikes + muscle
    total = amplitude_uv * (1.2 * waves * taper(n_samples, rate_hz, 0.5, 0.3))
    total = total + lead.waves_uv * leading
    background = np.minimum(lead.background, 1 - 0.8 * np.maximum(tonic, clonic))
    return Effect(
        total.astype(np.float32),
        background.astype(np.float32),
        float(generator.uniform(10.0, 60.0)),
    )


def electrodecrement(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make sudden flattening with low-voltage fast activity; a focal discharge may rise from it."""
    flat = generator.uniform(0.15, 0.4)
    buzz = band_noise(generator, N_ELECTRODES, n_samples, rate_hz, generator.uniform(15, 25), 2.5)
    envelope = taper(n_samples, rate_hz, 0.4, 1.5)
    waves = 0.12 * amplitude_uv * envelope * buzz
    background = np.broadcast_to(1 - (1 - flat) * envelope, waves.shape).astype(np.float32)
    if n_samples / rate_hz > 12:
        rise = np.clip((np.linspace(0, 1, n_samples) - generator.uniform(0.2, 0.5)) / 0.2, 0, 1)
        waves = waves + rise * seizure(generator, n_samples, rate_hz, semiology, amplitude_uv)
    return Effect(waves.astype(np.float32), background)


def nonconvulsive_status(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make sharp-and-wave or rhythmic waves of 2 to 4 Hz that wax, wane and change their frequency,
    over one hemisphere or both; in a third of the cases of 3 to 8 Hz over one region."""
    regional = generator.random() < 0.35
    centre_hz = generator.uniform(3.0, 8.0) if regional else generator.uniform(2.2, 4.0)
    irregularity = generator.uniform(0.02, 0.5)
    wander = slow_wander(generator, 1, n_samples, rate_hz, generator.uniform(3.0, 10.0))[0]
    course_hz = np.clip(centre_hz + generator.uniform(0.1, 0.9) * wander, 1.8, 9.0)
    course_hz = course_hz * np.exp(
        irregularity * slow_wander(generator, 1, n_samples, rate_hz, 0.7 / centre_hz)[0]
    )
    phase = phase_of(course_hz, rate_hz)
    sharpness, frontal = generator.uniform(0.1, 1.0), generator.uniform(-0.4, 0.7)
    waves = _generalized(generator, phase, rate_hz, sharpness, frontal)
    waves += generator.uniform(0.0, 0.6) * irregular_slowing(generator, n_samples, rate_hz)
    away = path_lengths_rad()[semiology.focus]
    if regional or generator.random() < 0.4:  # one region, or one hemisphere, leads
        width = generator.uniform(0.7, 1.3) if regional else generator.uniform(1.2, 2.4)
        near = np.exp(-((away / width) ** 2))
        waves = waves * np.maximum(near, generator.uniform(0.03, 0.2))[:, None]
    wax = slow_wander(generator, 1, n_samples, rate_hz, generator.uniform(2, 8))
    waxing = np.clip(0.85 + 0.3 * wax, 0.3, 1.6)
    envelope = taper(n_samples, rate_hz, 3.0, 3.0)
    return Effect(
        np.asarray(amplitude_uv * envelope * waxing * waves, dtype=np.float32),
        np.broadcast_to(1 - generator.uniform(0.0, 0.6) * envelope, waves.shape).astype(np.float32),
    )


def subtle(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Effect:
    """Make a focal discharge of half the usual size that stays near its focus."""
    share = np.maximum(field(semiology.focus, 0.6), 0.05)[:, None]
    waves = 0.55 * seizure(generator, n_samples, rate_hz, semiology, amplitude_uv) * share
    return Effect(waves.astype(np.float32), np.ones_like(waves))


SEIZURE_TYPES: Mapping[str, SeizureType] = MappingProxyType(
    {
        "focal": focal,
        "migrating": migrating,
        "absence": absence,
        "tonic_clonic": tonic_clonic,
        "electrodecrement": electrodecrement,
        "nonconvulsive_status": nonconvulsive_status,
        "subtle": subtle,
    }
)
"""Every type of seizure by name."""


def _motor_activity(generator: Generator, n_samples: int, rate_hz: float) -> Signal:
    """Make the muscle and movement that begin some seconds after the discharge, peak about 1."""
    begin = round(generator.uniform(0.0, 0.5) * n_samples)
    ramp = np.clip((np.arange(n_samples) - begin) / (3.0 * rate_hz), 0, 1)
    swell = ramp * np.clip(0.7 + 0.5 * slow_wander(generator, 1, n_samples, rate_hz, 2.0), 0, 1.5)
    swell = swell * taper(n_samples, rate_hz, 0.5, 0.5)
    sizes = generator.uniform(0.05, 0.5) * generator.uniform(0.1, 1.0, (N_ELECTRODES, 1))
    noise = sizes * muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    sway = slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, generator.uniform(0.3, 1.5))
    movement = (
        log_uniform(generator, (0.03, 1.0)) * generator.uniform(0.1, 1.0, (N_ELECTRODES, 1)) * sway
    )
    return np.asarray(swell * (noise + movement), dtype=np.float32)


def _generalized(
    generator: Generator,
    phase: NDArray[np.float64],
    rate_hz: float,
    sharpness: float,
    frontal: float,
) -> NDArray[np.float32]:
    """Make a discharge at all electrodes, in front first, `(electrodes, samples)`."""
    gains = (1 + frontal * FRONT_TO_BACK) * generator.uniform(0.7, 1.2, N_ELECTRODES)
    lead = generator.uniform(0.0, 0.4) * FRONT_TO_BACK[:, None]
    phases = np.mod(phase + lead, 2 * np.pi).astype(np.float32)
    level = np.full(phases.shape[1], sharpness, dtype=np.float32)
    beat = np.exp(0.15 * slow_wander(generator, N_ELECTRODES, phases.shape[1], rate_hz, 1.0))
    return np.asarray(gains[:, None] * beat * discharge(phases, level), dtype=np.float32)
