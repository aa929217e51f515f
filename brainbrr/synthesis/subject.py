"""Synthetic subjects: each with its own background, seizures and recording setup."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from brainbrr.synthesis.parameters import SPLITS, SynthesisParameters
from brainbrr.synthesis.seizures import Semiology, draw_semiology


@dataclass(frozen=True)
class Subject:
    """The properties shared by a subject's recordings.

    Attributes:
        index: number of the subject in the corpus, from 0.
        rate_hz: sampling rate.
        montage: `common`, `linked_ears`, `cz` or `bipolar`.
        gain: scale of everything that comes from the body.
        resting_uv: root mean square of the 1/f activity, before the gain.
        exponent: of the 1/f power spectrum.
        alpha_hz, alpha_uv: the posterior rhythm.
        muscle_uv, drift_uv, hum_uv, noise_uv: root mean squares of what is not brain.
    """

    index: int
    participant_id: str
    split: str
    age: int
    sex: str
    rate_hz: int
    montage: str
    mains_hz: float
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
    """Draw subject number `index` of the corpus; rate, montage and mains are assigned in turn."""
    return Subject(
        index=index,
        participant_id=f"sub-{index + 1:02d}",
        split=split,
        age=int(generator.integers(18, 75)),
        sex=str(generator.choice(["F", "M"])),
        rate_hz=parameters.rates_hz[index % len(parameters.rates_hz)],
        montage=parameters.montages[index % len(parameters.montages)],
        mains_hz=parameters.mains_hz[index % len(parameters.mains_hz)],
        gain=float(np.exp(generator.uniform(np.log(0.65), np.log(1.5)))),
        resting_uv=generator.uniform(9.0, 14.0),
        exponent=generator.uniform(1.1, 1.7),
        alpha_hz=generator.uniform(8.5, 11.0),
        alpha_uv=generator.uniform(5.0, 16.0),
        blink_uv=generator.uniform(70.0, 150.0),
        muscle_uv=generator.uniform(1.0, 4.0),
        drift_uv=generator.uniform(3.0, 12.0),
        hum_uv=generator.uniform(0.5, 5.0),
        noise_uv=generator.uniform(0.3, 0.8),
        semiology=draw_semiology(generator),
    )


def draw_subjects(parameters: SynthesisParameters) -> tuple[Subject, ...]:
    """Draw all subjects of the corpus: first for training, then for validation and test."""
    splits = [split for split in SPLITS for _ in range(parameters.n_subjects[split])]
    return tuple(
        draw_subject(np.random.default_rng([parameters.seed, index]), parameters, index, split)
        for index, split in enumerate(splits)
    )
