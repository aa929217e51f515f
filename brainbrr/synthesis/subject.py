"""Synthetic subjects: each with its own background, seizures and recording setup."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator

from brainbrr.synthesis.noise import log_uniform
from brainbrr.synthesis.parameters import SPLITS, SynthesisParameters
from brainbrr.synthesis.seizures import Semiology, draw_semiology

Range = tuple[float, float]


@dataclass(frozen=True)
class Population:
    """Ranges of a kind of subject: years, microvolts (drawn log-uniformly), Hz."""

    age: tuple[int, int]
    resting_uv: Range
    exponent: Range
    alpha_hz: Range
    alpha_uv: Range
    muscle_uv: Range
    blink_uv: Range = (60.0, 160.0)


_MUSCLE_UV = (0.7, 7.0)
_CRITICAL = Population(
    (18, 90), (0.8, 22.0), (1.3, 2.3), (7.0, 9.0), (0.2, 3.0), (0.2, 4.0), (5.0, 40.0)
)
POPULATIONS: Mapping[str, Population] = MappingProxyType(
    {
        "adult": Population((18, 65), (5, 16), (1.0, 1.8), (8.5, 11.5), (2, 20), _MUSCLE_UV),
        "child": Population((3, 17), (9, 32), (1.2, 2.0), (5.5, 9.5), (5, 45), _MUSCLE_UV),
        "elderly": Population((65, 95), (4, 14), (1.2, 2.0), (7.0, 9.5), (1, 12), _MUSCLE_UV),
        "critical": _CRITICAL,
        "status": _CRITICAL,
    }
)
"""Kinds of subjects by name."""


@dataclass(frozen=True)
class Subject:
    """The properties shared by a subject's recordings.

    Attributes:
        index: number of the subject in the corpus, from 0.
        population: a name in `POPULATIONS`.
        rate_hz: sampling rate.
        montage: `common`, `linked_ears`, `cz` or `bipolar`.
        difficulty: 0 for seizures that stand out, 1 for small ones.
        gain: scale of everything that comes from the body.
        resting_uv: root mean square of the 1/f activity, before the gain.
        exponent: of the 1/f power spectrum.
        alpha_hz, alpha_uv: the posterior rhythm.
        muscle_uv, drift_uv, hum_uv, noise_uv: root mean squares of what is not brain.
    """

    index: int
    participant_id: str
    split: str
    population: str
    age: int
    sex: str
    rate_hz: int
    montage: str
    mains_hz: float
    difficulty: float
    gain: float
    resting_uv: float
    exponent: float
    alpha_hz: float
    alpha_uv: float
    blink_uv: float
    muscle_uv: float
    drift_uv: float
    hum_uv: float
    noise_uv: float
    semiology: Semiology


def draw_subject(
    generator: Generator, parameters: SynthesisParameters, index: int, split: str
) -> Subject:
    """Draw subject number `index` of the corpus; rate, montage, mains and difficulty go in turn."""
    name = choose(generator, parameters.populations)
    population = POPULATIONS[name]
    return Subject(
        index=index,
        participant_id=f"sub-{index + 1:02d}",
        split=split,
        population=name,
        age=int(generator.integers(*population.age)),
        sex=str(generator.choice(["F", "M"])),
        rate_hz=parameters.rates_hz[index % len(parameters.rates_hz)],
        montage=parameters.montages[index % len(parameters.montages)],
        mains_hz=parameters.mains_hz[index % len(parameters.mains_hz)],
        difficulty=parameters.difficulties[index % len(parameters.difficulties)],
        gain=log_uniform(generator, (0.7, 1.4)),
        resting_uv=log_uniform(generator, population.resting_uv),
        exponent=generator.uniform(*population.exponent),
        alpha_hz=generator.uniform(*population.alpha_hz),
        alpha_uv=log_uniform(generator, population.alpha_uv),
        blink_uv=generator.uniform(*population.blink_uv),
        muscle_uv=log_uniform(generator, population.muscle_uv),
        drift_uv=log_uniform(generator, (2.0, 40.0)),
        hum_uv=log_uniform(generator, (0.3, 5.0)),
        noise_uv=log_uniform(generator, (0.3, 1.2)),
        semiology=draw_semiology(generator),
    )


def draw_subjects(parameters: SynthesisParameters) -> tuple[Subject, ...]:
    """Draw all subjects of the corpus: first for training, then for validation and test."""
    splits = [split for split in SPLITS for _ in range(parameters.n_subjects[split])]
    return tuple(
        draw_subject(np.random.default_rng([parameters.seed, index]), parameters, index, split)
        for index, split in enumerate(splits)
    )


def choose(generator: Generator, weights: Mapping[str, float]) -> str:
    """Draw one of the names with the given relative frequencies."""
    frequencies = np.array(list(weights.values()), dtype=np.float64)
    return str(generator.choice(tuple(weights), p=frequencies / frequencies.sum()))
