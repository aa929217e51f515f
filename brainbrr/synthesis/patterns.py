"""EEG that only resembles seizures: periodic and rhythmic patterns, transients, bedside.

Each is a pure function to `(electrodes, samples)` microvolts. Periodic discharges and rhythmic
delta stay below 2.5 Hz and do not evolve: beyond that the ACNS terminology (Hirsch et al. 2021)
calls them electrographic seizures.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.positions import POSITIONS
from brainbrr.synthesis.artefacts import Artefact
from brainbrr.synthesis.effect import Effect
from brainbrr.synthesis.noise import (
    Signal,
    add_at,
    band_noise,
    muscle_noise,
    power_law,
    shaped_noise,
    slow_wander,
    taper,
    wandering_phase,
)
from brainbrr.synthesis.scalp import FRONT_TO_BACK, field, mix, spatial_mixing

_LEFT_TO_RIGHT = POSITIONS[:, 0] / np.abs(POSITIONS[:, 0]).max()
_FRONTAL = tuple(ELECTRODES.index(name) for name in ("Fp1", "Fp2", "Fz", "F3", "F4"))


def lateralized_periodic_discharges(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make sharp waves over one hemisphere every 0.5 to 2 s, each like the last one."""
    return _periodic(generator, n_samples, rate_hz, amplitude_uv, _one_side(generator))


def generalized_periodic_discharges(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make sharp waves over both hemispheres every 0.4 to 2 s, in half of the cases triphasic."""
    triphasic = generator.random() < 0.5
    gains = _everywhere(generator, frontal=generator.uniform(0.0, 0.6))
    lag_s = 0.06 * (1 - FRONT_TO_BACK) if triphasic else np.zeros(N_ELECTRODES)
    return _periodic(
        generator, n_samples, rate_hz, amplitude_uv, gains, lag_s=lag_s, triphasic=triphasic
    )


def bilateral_independent_periodic_discharges(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make sharp waves over each hemisphere at a period of its own."""
    left = _one_side(generator, side=-1.0)
    right = _one_side(generator, side=1.0)
    size = generator.uniform(0.5, 1.0, 2) * amplitude_uv
    return _periodic(generator, n_samples, rate_hz, size[0], left) + _periodic(
        generator, n_samples, rate_hz, size[1], right
    )


def lateralized_rhythmic_delta(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make smooth waves of 1 to 2.4 Hz over one hemisphere, constant in frequency."""
    return _rhythmic_delta(generator, n_samples, rate_hz, amplitude_uv, _one_side(generator))


def generalized_rhythmic_delta(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make smooth waves of a constant 1 to 2.4 Hz over both hemispheres, mostly frontal."""
    gains = _everywhere(generator, frontal=generator.uniform(0.2, 0.8))
    return _rhythmic_delta(generator, n_samples, rate_hz, amplitude_uv, gains)


def extreme_delta_brush(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make generalized delta of 1 to 2 Hz that carries bursts of 20 to 30 Hz on each wave."""
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(1.0, 2.0), 0.08)
    gains = _everywhere(generator, frontal=0.5)
    brush = band_noise(generator, N_ELECTRODES, n_samples, rate_hz, generator.uniform(20, 28), 2.0)
    ride = np.exp(2.0 * (np.cos(phase - 0.8) - 1))
    wave = np.cos(phase) + generator.uniform(0.15, 0.35) * ride * brush
    return _shaped(gains[:, None] * wave, n_samples, rate_hz, amplitude_uv)


def polymorphic_delta(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make irregular slow waves of encephalopathy, over one region or everywhere."""
    centre_hz = generator.uniform(0.8, 2.0)
    own = band_noise(generator, N_ELECTRODES, n_samples, rate_hz, centre_hz, 0.7)
    gains = (
        _everywhere(generator, frontal=0.3) if generator.random() < 0.6 else _one_side(generator)
    )
    waves = mix(gains[:, None] * spatial_mixing(), own)
    return _shaped(0.55 * waves, n_samples, rate_hz, amplitude_uv)


def theta_slowing(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make diffuse irregular theta of 4 to 7 Hz."""
    own = band_noise(generator, N_ELECTRODES, n_samples, rate_hz, generator.uniform(4.0, 7.0), 1.2)
    gains = _everywhere(generator, frontal=0.2)
    waves = mix(gains[:, None] * spatial_mixing(), own)
    return _shaped(0.45 * waves, n_samples, rate_hz, amplitude_uv)


def interictal_spikes(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make single spikes and sharp waves of one focus at irregular times, each with a slow wave."""
    course = np.zeros(n_samples, dtype=np.float32)
    at_s = generator.exponential(2.0)
    mean_s = generator.uniform(1.5, 8.0)
    while at_s < n_samples / rate_hz:
        shape = _sharp_wave(generator, rate_hz, width_s=generator.uniform(0.02, 0.06), slow=0.5)
        add_at(course, np.float32(generator.uniform(0.6, 1.4)) * shape, round(at_s * rate_hz))
        at_s += 0.6 + generator.exponential(mean_s)
    gains = field(int(generator.integers(N_ELECTRODES)), generator.uniform(0.4, 0.8))
    return _shaped(gains[:, None] * course, n_samples, rate_hz, 1.6 * amplitude_uv)


def spike_wave_runs(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make generalized spike-and-wave of 3 to 5 Hz in runs under 3 s: interictal by definition."""
    course = np.zeros(n_samples, dtype=np.float32)
    at_s = generator.uniform(0.0, 4.0)
    while at_s < n_samples / rate_hz:
        run_s = generator.uniform(0.4, 2.4)
        length = round(run_s * rate_hz)
        angle = 2 * np.pi * generator.uniform(3.0, 5.0) * np.arange(length) / rate_hz
        wave = 1.6 * np.exp(14 * (np.cos(angle) - 1)) - 0.8 * np.cos(angle - 1.9)
        add_at(course, (wave * taper(length, rate_hz, 0.1, 0.1)).astype(np.float32),
               round(at_s * rate_hz))  # fmt: skip
        at_s += run_s + generator.uniform(6.0, 20.0)
    gains = _everywhere(generator, frontal=0.6)
    return _shaped(gains[:, None] * course, n_samples, rate_hz, 1.2 * amplitude_uv)


def vertex_waves(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make sharp waves at the vertex, alone or in trains of a few, as of light sleep."""
    course = np.zeros(n_samples, dtype=np.float32)
    at_s = generator.uniform(0.0, 4.0)
    while at_s < n_samples / rate_hz:
        for _ in range(int(generator.integers(1, 5))):
            shape = _sharp_wave(generator, rate_hz, width_s=0.07, slow=0.5)
            add_at(course, np.float32(generator.uniform(0.6, 1.2)) * shape, round(at_s * rate_hz))
            at_s += generator.uniform(0.5, 1.5)
        at_s += generator.uniform(3.0, 12.0)
    gains = field(ELECTRODES.index("Cz"), generator.uniform(0.6, 1.0))
    return _shaped(gains[:, None] * course, n_samples, rate_hz, 1.8 * amplitude_uv)


def arousal(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make an arousal: slow waves, then alpha or beta with muscle, none of it evolving."""
    slow = band_noise(generator, 1, n_samples, rate_hz, generator.uniform(1.5, 3.5), 0.8)
    fast = band_noise(generator, 1, n_samples, rate_hz, generator.uniform(8.0, 16.0), 1.5)
    half = np.linspace(0, 1, n_samples, dtype=np.float32)
    course = slow * np.exp(-4 * half) + 0.5 * fast * (1 - np.exp(-4 * half))
    gains = _everywhere(generator, frontal=0.2)[:, None]
    noise = muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    tension = 0.25 * generator.uniform(0.2, 1.0, (N_ELECTRODES, 1)) * noise
    return _shaped(gains * course * 0.8 + tension, n_samples, rate_hz, amplitude_uv)


def movement(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make head movement: large irregular swings, different at each electrode, with muscle."""
    sizes = np.exp(0.7 * generator.standard_normal((N_ELECTRODES, 1)))
    period_s = generator.uniform(0.25, 1.5)
    swing = 0.6 * slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, period_s)
    swing += 0.6 * slow_wander(generator, 1, n_samples, rate_hz, period_s)
    on = np.clip(1.5 * slow_wander(generator, 1, n_samples, rate_hz, 3.0), 0, 2)
    noise = muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    signal = sizes * swing * on + 0.4 * generator.uniform(0.1, 1.0, (N_ELECTRODES, 1)) * noise * on
    return _shaped(signal, n_samples, rate_hz, 1.5 * amplitude_uv)


def sweat(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make sweat: electrode potentials that sway by hundreds of microvolts over 2 to 6 s."""
    sizes = np.exp(0.8 * generator.standard_normal((N_ELECTRODES, 1)))
    sway = slow_wander(generator, N_ELECTRODES, n_samples, rate_hz, generator.uniform(2.0, 6.0))
    return _shaped(sizes * sway, n_samples, rate_hz, 1.5 * amplitude_uv)


def ventilator(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make a breath every 3 to 6 s that swings the head: the same wave at a few electrodes."""
    course = np.zeros(n_samples, dtype=np.float32)
    shape = band_noise(generator, 1, round(0.8 * rate_hz), rate_hz, generator.uniform(2, 8), 2.0)[0]
    shape *= taper(len(shape), rate_hz, 0.2, 0.3)
    period_s, at_s = generator.uniform(3.0, 6.0), generator.uniform(0.0, 3.0)
    while at_s < n_samples / rate_hz:
        add_at(course, shape, round(at_s * rate_hz))
        at_s += period_s * (1 + 0.02 * generator.standard_normal())
    gains = field(int(generator.integers(N_ELECTRODES)), generator.uniform(0.3, 0.9))
    return _shaped(gains[:, None] * course, n_samples, rate_hz, amplitude_uv)


def pulse(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make a pulse wave with each heartbeat at an electrode over an artery."""
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(0.9, 1.8), 0.03)
    wave = np.exp(1.5 * (np.cos(phase) - 1)) - 0.45
    gains = field(int(generator.integers(N_ELECTRODES)), generator.uniform(0.15, 0.35))
    return _shaped(gains[:, None] * wave, n_samples, rate_hz, amplitude_uv)


def rhythmic_blinking(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make blinks or lid flutter at 1 to 5 Hz, seen by the frontal electrodes alone."""
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(1.0, 5.0), 0.15)
    on = np.clip(0.5 + slow_wander(generator, 1, n_samples, rate_hz, 2.0)[0], 0, 1.5)
    lid = np.exp(3 * (np.cos(phase) - 1)) * on
    gains = np.full(N_ELECTRODES, 0.03, dtype=np.float32)
    for index in _FRONTAL:
        gains[index] = 0.3
    gains[[_FRONTAL[0], _FRONTAL[1]]] = 1.0
    return _shaped(gains[:, None] * lid, n_samples, rate_hz, 2.0 * amplitude_uv)


PATTERNS: Mapping[str, Artefact] = MappingProxyType(
    {
        "lpd": lateralized_periodic_discharges,
        "gpd": generalized_periodic_discharges,
        "bipd": bilateral_independent_periodic_discharges,
        "lrda": lateralized_rhythmic_delta,
        "grda": generalized_rhythmic_delta,
        "extreme_delta_brush": extreme_delta_brush,
        "polymorphic_delta": polymorphic_delta,
        "theta_slowing": theta_slowing,
        "interictal_spikes": interictal_spikes,
        "spike_wave_runs": spike_wave_runs,
        "vertex_waves": vertex_waves,
        "arousal": arousal,
        "movement": movement,
        "sweat": sweat,
        "ventilator": ventilator,
        "pulse": pulse,
        "rhythmic_blinking": rhythmic_blinking,
    }
)
"""Every pattern by name; all take `(generator, n_samples, rate_hz, amplitude_uv)`."""


def burst_suppression(
    generator: Generator, n_samples: int, rate_hz: float, burst_uv: float
) -> Effect:
    """Make bursts of `burst_uv` RMS between suppression of the background."""
    floor = generator.uniform(0.02, 0.15)
    level = np.full(n_samples, floor, dtype=np.float32)
    mean_gap_s = generator.uniform(2.0, 10.0)
    bursts = np.zeros((N_ELECTRODES, n_samples), dtype=np.float32)
    at_s = generator.uniform(0.0, 2.0)
    while at_s < n_samples / rate_hz:
        length = round(generator.uniform(0.7, 3.5) * rate_hz)
        envelope = taper(length, rate_hz, 0.2, 0.4)
        start = round(at_s * rate_hz)
        add_at(level, (1 - floor) * envelope, start)
        exponents = np.full(N_ELECTRODES, generator.uniform(1.0, 1.8))
        sources = shaped_noise(
            generator, N_ELECTRODES, length, rate_hz, power_law(exponents, low_hz=1.0)
        )
        add_at(bursts, np.float32(burst_uv) * envelope * mix(spatial_mixing(), sources), start)
        at_s += length / rate_hz + 0.5 + generator.exponential(mean_gap_s)
    return Effect(bursts, np.broadcast_to(np.minimum(level, 1.0), bursts.shape))


def _periodic(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    amplitude_uv: float,
    gains: NDArray[np.float32],
    *,
    lag_s: NDArray[np.float64] | None = None,
    triphasic: bool = False,
) -> Signal:
    period_s = 1 / generator.uniform(0.5, 2.4)
    jitter = generator.uniform(0.03, 0.2)
    if triphasic:
        shape = _triphasic_wave(generator, rate_hz)
    else:
        width_s = generator.uniform(0.02, 0.09)
        shape = _sharp_wave(generator, rate_hz, width_s, slow=generator.uniform(0.0, 0.6))
    signal = np.zeros((N_ELECTRODES, n_samples), dtype=np.float32)
    lags = np.zeros(N_ELECTRODES) if lag_s is None else lag_s
    at_s = generator.uniform(0.0, period_s)
    while at_s < n_samples / rate_hz:
        size = np.float32(np.exp(0.15 * generator.standard_normal()))
        for electrode in range(N_ELECTRODES):
            start = round((at_s + lags[electrode]) * rate_hz)
            add_at(signal[electrode], size * gains[electrode] * shape, start)
        at_s += period_s * max(1 + jitter * generator.standard_normal(), 0.3)
    return _shaped(signal, n_samples, rate_hz, 1.3 * amplitude_uv)


def _rhythmic_delta(
    generator: Generator,
    n_samples: int,
    rate_hz: float,
    amplitude_uv: float,
    gains: NDArray[np.float32],
) -> Signal:
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(1.0, 2.4), 0.06)
    travel = generator.uniform(0.0, 0.8) * FRONT_TO_BACK[:, None]
    swell = np.clip(0.8 + 0.35 * slow_wander(generator, 1, n_samples, rate_hz, 3.0), 0.1, 1.5)
    shape = generator.uniform(0.0, 0.3)
    wave = np.cos(phase + travel) + shape * np.cos(2 * (phase + travel) + generator.uniform(0, 6.3))
    return _shaped(gains[:, None] * swell * wave, n_samples, rate_hz, amplitude_uv)


def _sharp_wave(generator: Generator, rate_hz: float, width_s: float, slow: float) -> Signal:
    """Make a negative sharp wave of about `width_s`, then a slow wave of size `slow`."""
    time_s = np.arange(round(0.8 * rate_hz)) / rate_hz
    sharp = -np.exp(-(((time_s - 0.15) / width_s) ** 2))
    rebound = generator.uniform(0.1, 0.5) * np.exp(
        -(((time_s - 0.15 - 2 * width_s) / width_s) ** 2)
    )
    wave = slow * np.exp(-(((time_s - 0.42) / 0.12) ** 2))
    return ((sharp + rebound + wave) * taper(len(time_s), rate_hz, 0.03, 0.1)).astype(np.float32)


def _triphasic_wave(generator: Generator, rate_hz: float) -> Signal:
    time_s = np.arange(round(0.9 * rate_hz)) / rate_hz
    width = generator.uniform(0.8, 1.3)
    lobes = ((0.15, 0.05, -0.4), (0.27, 0.07, 1.0), (0.48, 0.13, -0.55))
    shape = sum(
        size * np.exp(-(((time_s / width - at_s) / width_s) ** 2)) for at_s, width_s, size in lobes
    )
    return (np.asarray(shape) * taper(len(time_s), rate_hz, 0.03, 0.1)).astype(np.float32)


def _one_side(generator: Generator, side: float | None = None) -> NDArray[np.float32]:
    """Draw the gains of a pattern over one hemisphere, around a maximum on it."""
    side = float(generator.choice([-1.0, 1.0])) if side is None else side
    on_side = np.flatnonzero(side * _LEFT_TO_RIGHT > 0.2)
    centre = int(generator.choice(on_side))
    spill = generator.uniform(0.05, 0.3)
    across = np.clip(0.5 + side * _LEFT_TO_RIGHT, spill, 1.0)
    return np.asarray(field(centre, generator.uniform(0.7, 1.5)) * across, dtype=np.float32)


def _everywhere(generator: Generator, frontal: float) -> NDArray[np.float32]:
    """Draw gains around 1 at all electrodes, larger in front by `frontal`."""
    tilt = 1 + frontal * FRONT_TO_BACK
    return np.asarray(tilt * generator.uniform(0.6, 1.2, N_ELECTRODES), dtype=np.float32)


def _shaped(
    signal: NDArray[np.floating], n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    return np.asarray(amplitude_uv * taper(n_samples, rate_hz, 1.0, 1.0) * signal, dtype=np.float32)
