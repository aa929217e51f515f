"""Seizures: a focal onset that evolves in frequency, amplitude and sharpness, and spreads."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ive

from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.synthesis.noise import (
    Signal,
    band_noise,
    log_uniform,
    phase_of,
    slow_wander,
    taper,
)
from brainbrr.synthesis.scalp import (
    distances_rad,
    field,
    mix,
    path_lengths_rad,
    spatial_mixing,
)

_FIELD_RAD = 0.5
_RECRUITMENT_S = 2.0


@dataclass(frozen=True)
class Semiology:
    """One subject's seizures: they resemble one another, but not those of other subjects.

    Attributes:
        focus: index of the electrode over the onset zone.
        initial_hz, final_hz: frequency of the discharge at the start and at the end.
        sharpness: 0 for sinusoids, 1 for spikes and waves at the end.
        reach_rad: how far over the graph of electrodes the discharge spreads at full strength.
        initial_level: amplitude at the start, relative to the largest.
        fast_onset: relative amplitude of the low-voltage fast activity over the focus in the first
            seconds.
        lag_s_per_rad: delay of the discharge with distance from the focus.
        turns_at, turn: progress at which the frequency changes once, and its factor; 1 for none.
        recruited_by: fraction of the seizure after which the electrode farthest away is reached.
        irregularity: standard deviation of the frequency, relative, from one wave to the next.
        independence_rad: standard deviation of an electrode's phase from the common one.
        slowing: root mean square of irregular delta and theta with the discharge, relative.
        waxing: standard deviation of the logarithm of the amplitude, over seconds.
    """

    focus: int
    initial_hz: float
    final_hz: float
    sharpness: float
    reach_rad: float
    initial_level: float
    fast_onset: float
    lag_s_per_rad: float
    turns_at: float
    turn: float
    recruited_by: float
    irregularity: float
    independence_rad: float
    slowing: float
    waxing: float


ONSETS = {
    "delta": ((2.0, 4.0), (1.2, 3.0)),
    "theta": ((4.5, 8.0), (2.0, 4.0)),
    "alpha": ((8.0, 12.0), (2.2, 5.0)),
    "fast": ((13.0, 22.0), (3.0, 7.0)),
    "rising": ((2.0, 4.0), (4.5, 8.0)),
}
"""Ranges of the first and the last frequency of a focal discharge in Hz, by kind of onset."""
_ONSET_WEIGHTS = (0.15, 0.4, 0.25, 0.1, 0.1)


def draw_semiology(generator: Generator) -> Semiology:
    """Draw a subject's semiology; temporal foci are the most frequent."""
    weights = np.ones(N_ELECTRODES)
    weights[[5, 6, 7, 16, 17, 18]] = 3.0  # F7 T3 T5 and F8 T4 T6
    first_hz, last_hz = ONSETS[str(generator.choice(tuple(ONSETS), p=_ONSET_WEIGHTS))]
    return Semiology(
        focus=int(generator.choice(N_ELECTRODES, p=weights / weights.sum())),
        initial_hz=generator.uniform(*first_hz),
        final_hz=generator.uniform(*last_hz),
        sharpness=generator.uniform(0.1, 1.0),
        reach_rad=generator.uniform(0.6, 2.8),
        initial_level=generator.uniform(0.2, 0.7),
        fast_onset=generator.uniform(0.0, 0.6),
        lag_s_per_rad=generator.uniform(0.0, 0.04),
        turns_at=generator.uniform(0.2, 0.8),
        turn=log_uniform(generator, (0.4, 1.8)) if generator.random() < 1 / 3 else 1.0,
        recruited_by=log_uniform(generator, (0.05, 0.6)),
        irregularity=log_uniform(generator, (0.04, 0.5)),
        independence_rad=generator.uniform(0.0, 1.2),
        slowing=generator.uniform(0.0, 0.8),
        waxing=generator.uniform(0.0, 0.4),
    )


def frequency_hz(semiology: Semiology, progress: Signal) -> Signal:
    """Compute the frequency of the discharge at `progress` 0 to 1: fast to slow, steepest first."""
    span_hz = semiology.final_hz - semiology.initial_hz
    turned = np.clip((progress - semiology.turns_at) / 0.05, 0, 1)
    course_hz = (semiology.initial_hz + span_hz * progress**0.7) * semiology.turn**turned
    return np.asarray(course_hz, dtype=np.float32)


def recruitment_s(semiology: Semiology, duration_s: float) -> NDArray[np.float64]:
    """Compute when the discharge reaches each electrode, `(electrodes,)` seconds from onset."""
    away = path_lengths_rad()[semiology.focus]
    return semiology.recruited_by * duration_s * away / away.max()


def involvement(semiology: Semiology, n_samples: int, rate_hz: float) -> Signal:
    """Compute the strength of the discharge at each electrode, 0 to 1, `(electrodes, samples)`.

    From the start each electrode sees the focus through the scalp; once recruited it discharges
    itself.
    """
    time_s = np.arange(n_samples, dtype=np.float32) / np.float32(rate_hz)
    arrival_s = recruitment_s(semiology, n_samples / rate_hz)[:, None].astype(np.float32)
    ramp = np.clip((time_s - arrival_s) / _RECRUITMENT_S, 0, 1)
    beyond = np.maximum(path_lengths_rad()[semiology.focus] - semiology.reach_rad, 0.0)
    strength = np.exp(-((beyond / 0.6) ** 2)).astype(np.float32)[:, None]
    return np.maximum(field(semiology.focus, _FIELD_RAD)[:, None], ramp * strength)


def discharge(phase: Signal, sharpness: Signal) -> Signal:
    """Compute the waveform at each phase: a sinusoid for sharpness 0, spike and wave for 1."""
    kappa = 1.0 + 14.0 * sharpness
    spike = np.exp(kappa * (np.cos(phase) - 1)) - ive(0, kappa)
    wave = -0.8 * np.cos(phase - 1.9)
    return (1 - sharpness) * np.cos(phase) + sharpness * (2.0 * spike + 0.75 * wave)


def seizure(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> Signal:
    """Make one seizure, `(electrodes, samples)` microvolts, with a peak of `amplitude_uv`."""
    progress = np.arange(n_samples, dtype=np.float32) / np.float32(n_samples)
    course_hz = frequency_hz(semiology, progress)
    strays = slow_wander(generator, 1, n_samples, rate_hz, 1 / semiology.initial_hz + 0.2)[0]
    course_hz = course_hz * np.exp(semiology.irregularity * strays)
    phase = phase_of(course_hz, rate_hz)
    lag_s = semiology.lag_s_per_rad * distances_rad()[semiology.focus]
    own = slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, 0.7)
    phases = phase - 2 * np.pi * course_hz * lag_s[:, None] + semiology.independence_rad * own
    sharpness = semiology.sharpness * np.clip(progress / 0.4, 0.3, 1)
    wave = discharge(np.mod(phases, 2 * np.pi).astype(np.float32), sharpness.astype(np.float32))
    wave *= np.exp(0.2 * slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, 1.5))
    wave += semiology.slowing * irregular_slowing(generator, n_samples, rate_hz)
    wave *= involvement(semiology, n_samples, rate_hz)
    wave += _fast_onset(generator, n_samples, rate_hz, semiology)
    growth = semiology.initial_level + (1 - semiology.initial_level) * np.clip(progress / 0.5, 0, 1)
    waves_s = generator.uniform(2.0, 8.0)
    growth = growth * np.exp(
        semiology.waxing * slow_wander(generator, 1, n_samples, rate_hz, waves_s)
    )
    envelope = growth * taper(n_samples, rate_hz, 1.0, 0.4)
    return np.asarray(amplitude_uv * envelope * wave, dtype=np.float32)


def irregular_slowing(generator: Generator, n_samples: int, rate_hz: float) -> Signal:
    """Make irregular delta or theta, correlated over the scalp, of unit variance."""
    centre_hz = generator.uniform(1.2, 5.0)
    sources = band_noise(generator, N_ELECTRODES, n_samples, rate_hz, centre_hz, 0.4 * centre_hz)
    return mix(spatial_mixing(), sources)


def _fast_onset(
    generator: Generator, n_samples: int, rate_hz: float, semiology: Semiology
) -> Signal:
    buzz = band_noise(generator, 1, n_samples, rate_hz, generator.uniform(14, 22), 1.5)
    length = min(n_samples, round(5.0 * rate_hz))
    buzz[:, :length] *= taper(length, rate_hz, 0.5, 2.0)
    buzz[:, length:] = 0
    return mix(semiology.fast_onset * field(semiology.focus, 0.4)[:, None], buzz)


def post_ictal(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    semiology: Semiology,
    rms_uv: float,
) -> Signal:
    """Make irregular delta that fades after a seizure, over the regions it involved."""
    waves = band_noise(generator, N_ELECTRODES, n_samples, rate_hz, 1.5, 0.6)
    shared = band_noise(generator, 1, n_samples, rate_hz, 1.3, 0.6)
    reached = involvement(semiology, 2, 0.01)[:, -1:]
    fade = np.exp(-2.5 * np.arange(n_samples, dtype=np.float32) / n_samples)
    envelope = fade * taper(n_samples, rate_hz, 1.5, 3.0)
    return np.asarray(rms_uv * reached * envelope * (0.6 * waves + 0.8 * shared), dtype=np.float32)
