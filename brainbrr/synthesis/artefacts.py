"""Artefacts and normal rhythms that resemble seizures: pure functions to `(electrodes, samples)`.

All of them are rhythmic or large or both. None of them evolves: no frequency falls, nothing spreads
from one electrode to the next. Amplitudes are in microvolts.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.positions import POSITIONS
from brainbrr.synthesis.noise import (
    Signal,
    band_noise,
    muscle_noise,
    slow_wander,
    taper,
    wandering_phase,
)
from brainbrr.synthesis.nuisance import heart
from brainbrr.synthesis.scalp import field, mix, topography

Artefact = Callable[[Generator, int, float, float], Signal]

_TEMPORALIS = topography(
    {
        "T3": 1.0, "T4": 1.0, "F7": 0.9, "F8": 0.9, "T5": 0.6, "T6": 0.6, "Fp1": 0.4, "Fp2": 0.4,
        "F3": 0.35, "F4": 0.35, "C3": 0.3, "C4": 0.3, "P3": 0.15, "P4": 0.15, "O1": 0.1, "O2": 0.1,
        "Fz": 0.12, "Cz": 0.08, "Pz": 0.08,
    }
)  # fmt: skip
_MIDLINE = topography(
    {
        "Cz": 1.0, "Fz": 1.0, "C3": 0.85, "C4": 0.85, "F3": 0.85, "F4": 0.85, "Pz": 0.75, "P3": 0.6,
        "P4": 0.6, "Fp1": 0.5, "Fp2": 0.5, "F7": 0.45, "F8": 0.45, "T3": 0.4, "T4": 0.4, "T5": 0.35,
        "T6": 0.35, "O1": 0.3, "O2": 0.3,
    }
)  # fmt: skip

_TONGUE, _LEFT_MOTOR, _RIGHT_MOTOR = (ELECTRODES.index(name) for name in ("Fz", "C3", "C4"))
_LEFT_TEMPLE, _RIGHT_TEMPLE = (ELECTRODES.index(name) for name in ("T3", "T4"))


def chewing(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make chewing: jaw muscle once or twice per second over both temples, with tongue waves."""
    bite_hz = generator.uniform(1.0, 2.0)
    phase = wandering_phase(generator, n_samples, rate_hz, bite_hz, 0.08)
    bite = np.exp(5 * (np.cos(phase) - 1))
    noise = muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    shared = muscle_noise(generator, 1, n_samples, rate_hz)
    sides = _TEMPORALIS * generator.uniform(0.5, 1.2, N_ELECTRODES)
    muscle = sides[:, None] * bite * (0.85 * noise + 0.5 * shared)
    tongue = 0.8 * field(_TONGUE, 0.9)[:, None] * np.cos(phase - 0.8)
    return _shaped(muscle + tongue, n_samples, rate_hz, amplitude_uv)


def electrode_tremor(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make one electrode (and faintly its neighbors) shaken at a constant 3-7 Hz."""
    centre = int(generator.integers(N_ELECTRODES))
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(3.0, 7.0), 0.01)
    wave = np.cos(phase) + generator.uniform(0, 0.15) * np.cos(2 * phase + 1.0)
    swell = 0.35 + 0.65 * np.linspace(0, 1, n_samples) ** generator.uniform(0.3, 1.5)
    reach = np.maximum(field(centre, generator.uniform(0.2, 0.45)), generator.uniform(0.0, 0.05))
    return _shaped(reach[:, None] * (wave * swell), n_samples, rate_hz, 1.8 * amplitude_uv)


def patting(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make rhythmic patting or rocking: sharp-edged waves at a constant 1.5-4 Hz under the hand."""
    centre = int(generator.integers(N_ELECTRODES))
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(1.5, 4.0), 0.02)
    wave = np.exp(2.5 * (np.cos(phase) - 1)) - 0.9 * np.exp(2.0 * (np.cos(phase - 1.2) - 1))
    reach = field(centre, generator.uniform(0.5, 1.0)) * generator.uniform(0.4, 1.1, N_ELECTRODES)
    return _shaped(reach[:, None] * wave, n_samples, rate_hz, 2.2 * amplitude_uv)


def alpha_burst(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make a long run of tall, smooth 8-12 Hz waves over the back of the head."""
    source = band_noise(generator, 1, n_samples, rate_hz, generator.uniform(8.0, 12.0), 0.35)
    back = topography(
        {
            "O1": 1.0, "O2": 1.0, "P3": 0.8, "P4": 0.8, "Pz": 0.8, "T5": 0.7, "T6": 0.7, "C3": 0.35,
            "C4": 0.35, "Cz": 0.35, "T3": 0.25, "T4": 0.25,
        }
    )  # fmt: skip
    return _shaped(mix(0.8 * back[:, None], source), n_samples, rate_hz, amplitude_uv)


def mu_burst(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make the comb-shaped rhythm of the motor cortex at 9-11 Hz, over one side or both."""
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(9.0, 11.0), 0.02)
    comb = np.cos(phase) + 0.4 * np.cos(2 * phase + 0.6)
    bursts = np.clip(0.6 + 0.7 * slow_wander(generator, 2, n_samples, rate_hz, 1.2), 0, 1.5)
    sides = generator.uniform(0.3, 1.0, 2)[:, None] * bursts * comb
    fields = np.stack([field(_LEFT_MOTOR, 0.5), field(_RIGHT_MOTOR, 0.5)], axis=1)
    return _shaped(mix(fields, sides.astype(np.float32)), n_samples, rate_hz, amplitude_uv)


def drowsy_theta(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make hypnagogic hypersynchrony: widespread, notched waves at a constant 4-7 Hz."""
    centre_hz = generator.uniform(4.0, 7.0)
    phase = wandering_phase(generator, n_samples, rate_hz, centre_hz, 0.03)
    lead = _travel(generator, 0.6)
    notch = generator.uniform(0.1, 0.4), generator.uniform(0, 2 * np.pi)
    wave = np.cos(phase + lead) + notch[0] * np.cos(2 * (phase + lead) + notch[1])
    swell = np.clip(0.8 + 0.4 * slow_wander(generator, 1, n_samples, rate_hz, 2.5), 0.2, 1.4)
    gains = _MIDLINE * generator.uniform(0.7, 1.2, N_ELECTRODES)
    return _shaped(gains[:, None] * swell * wave, n_samples, rate_hz, 1.5 * amplitude_uv)


def temporal_theta(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make rhythmic mid-temporal theta of drowsiness: constant notched 4.5-7 Hz over one temple."""
    centre = int(generator.choice([_LEFT_TEMPLE, _RIGHT_TEMPLE]))
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(4.5, 7.0), 0.02)
    lead = _travel(generator, 0.4)
    wave = (
        1.5 * np.exp(1.2 * (np.cos(phase + lead) - 1))
        - 0.25 * np.cos(2 * (phase + lead) - 1.0)
        - 0.7
    )
    gains = field(centre, generator.uniform(0.7, 1.3)) * generator.uniform(0.7, 1.2, N_ELECTRODES)
    return _shaped(gains[:, None] * wave, n_samples, rate_hz, 1.6 * amplitude_uv)


def delta_run(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make smooth, widespread 2-3.5 Hz waves that build up, as with overbreathing or on arousal."""
    phase = wandering_phase(generator, n_samples, rate_hz, generator.uniform(2.2, 3.5), 0.05)
    lead = _travel(generator, 0.8)
    swell = np.linspace(0.5, 1.0, n_samples) * np.exp(
        0.3 * slow_wander(generator, 1, n_samples, rate_hz, 2.0)
    )
    gains = _MIDLINE * generator.uniform(0.7, 1.2, N_ELECTRODES)
    wave = swell * np.cos(phase + lead)
    return _shaped(gains[:, None] * wave, n_samples, rate_hz, 1.8 * amplitude_uv)


def electrode_pops(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make a loose electrode that jumps about once per second and drifts back."""
    signal = np.zeros((N_ELECTRODES, n_samples), dtype=np.float32)
    time_s = np.arange(n_samples) / rate_hz
    course = np.zeros(n_samples)
    at_s = generator.uniform(0.0, 1.0)
    while at_s < n_samples / rate_hz:
        since_s = time_s - at_s
        jump = generator.choice([-1.0, 1.0]) * generator.uniform(0.5, 1.5)
        decay_s = generator.uniform(0.1, 0.5)
        course += np.where(since_s >= 0, jump * np.exp(-np.maximum(since_s, 0) / decay_s), 0.0)
        at_s += generator.uniform(0.3, 2.0)
    signal[int(generator.integers(N_ELECTRODES))] = course
    return _shaped(signal, n_samples, rate_hz, 3.0 * amplitude_uv)


def muscle_tension(
    generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    """Make clenched jaw or raised brows: steady electromyogram on one side or both."""
    noise = muscle_noise(generator, N_ELECTRODES, n_samples, rate_hz)
    swell = np.clip(0.7 + 0.5 * slow_wander(generator, 1, n_samples, rate_hz, 3.0), 0.1, 1.5)
    sides = np.maximum(_TEMPORALIS, 0.1) * generator.uniform(0.2, 1.0, N_ELECTRODES)
    return _shaped(sides[:, None] * (noise * swell), n_samples, rate_hz, 0.8 * amplitude_uv)


def ecg(generator: Generator, n_samples: int, rate_hz: float, amplitude_uv: float) -> Signal:
    """Make the electrocardiogram as the scalp sees it: one dipole, far away."""
    beats = heart(generator, n_samples, rate_hz) / 1000
    direction = generator.standard_normal(3)
    gains = POSITIONS @ (direction / np.linalg.norm(direction))
    gains += 0.1 * generator.standard_normal(N_ELECTRODES)
    return _shaped(gains[:, None] * beats, n_samples, rate_hz, 1.5 * amplitude_uv)


ARTEFACTS: Mapping[str, Artefact] = MappingProxyType(
    {
        "chewing": chewing,
        "electrode_tremor": electrode_tremor,
        "patting": patting,
        "alpha_burst": alpha_burst,
        "mu_burst": mu_burst,
        "drowsy_theta": drowsy_theta,
        "temporal_theta": temporal_theta,
        "delta_run": delta_run,
        "electrode_pops": electrode_pops,
        "muscle_tension": muscle_tension,
        "ecg": ecg,
    }
)
"""Every seizure-like artefact by name; all take `(generator, n_samples, rate_hz, amplitude_uv)`."""


def _travel(generator: Generator, spread_rad: float) -> NDArray[np.float64]:
    """Draw the phases `(electrodes, 1)` of a wave that crosses the scalp in a random direction."""
    direction = generator.standard_normal(3)
    return np.asarray(spread_rad * (POSITIONS @ (direction / np.linalg.norm(direction)))[:, None])


def _shaped(
    signal: NDArray[np.floating], n_samples: int, rate_hz: float, amplitude_uv: float
) -> Signal:
    return np.asarray(amplitude_uv * taper(n_samples, rate_hz, 1.5, 1.0) * signal, dtype=np.float32)
