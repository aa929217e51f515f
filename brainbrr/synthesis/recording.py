"""One synthetic recording: brain, body and recorder added up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis.artefacts import ARTEFACTS
from brainbrr.synthesis.background import posterior_alpha, resting, slowing, spindles
from brainbrr.synthesis.derivation import derivation
from brainbrr.synthesis.noise import Signal, add_at
from brainbrr.synthesis.nuisance import blinks, drift, heart, mains_hum, muscle, pops
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.plan import Plan, draw_plan
from brainbrr.synthesis.scalp import mix
from brainbrr.synthesis.seizures import involvement, post_ictal, seizure
from brainbrr.synthesis.states import Vigilance, draw_vigilance
from brainbrr.synthesis.subject import Subject

# A fixed date: the current one would make the bytes differ from run to run.
_FIRST_START = datetime(2020, 1, 1, 8)
_TONUS = {"eyes_open": 1.0, "eyes_closed": 0.7, "drowsy": 0.4, "asleep": 0.15}
_ICTAL_ATTENUATION = 0.4
_POST_ICTAL_S = (20.0, 60.0)
_POPS_PER_HOUR = 30.0


@dataclass(frozen=True)
class SyntheticRecording:
    """The content of a file, and the truth about it.

    Attributes:
        signals_uv: float32, `(channels, samples)`.
        labels: one per channel.
        annotation: the planted seizures.
        artefacts: the planted artefacts, their name in `event_type`.
    """

    signals_uv: Signal
    labels: tuple[str, ...]
    rate_hz: int
    annotation: Annotation
    artefacts: tuple[Event, ...]


def make_recording(
    parameters: SynthesisParameters, subject: Subject, run: int
) -> SyntheticRecording:
    """Make recording number `run` of a subject; it does not depend on what was made before."""
    generator = np.random.default_rng([parameters.seed, subject.index, run])
    recording_s = parameters.seconds_of(subject.split)
    n_samples = recording_s * subject.rate_hz
    plan = draw_plan(generator, parameters, subject.split)
    vigilance = draw_vigilance(generator, recording_s)
    potentials = _brain(generator, n_samples, subject, vigilance)
    _plant_seizures(generator, potentials, subject, plan, parameters.difficulty)
    _plant_artefacts(generator, potentials, subject, plan, parameters.difficulty)
    potentials += _body(generator, n_samples, subject, vigilance)
    potentials *= np.float32(subject.gain)
    labels, signals = _record(generator, potentials, subject)
    start = _FIRST_START + timedelta(days=subject.index, seconds=run * (recording_s + 1800))
    seizures = tuple(_described(event, subject) for event in plan.seizures)
    annotation = Annotation(seizures, float(recording_s), start)
    return SyntheticRecording(signals, labels, subject.rate_hz, annotation, plan.artefacts)


def _brain(generator: Generator, n_samples: int, subject: Subject, vigilance: Vigilance) -> Signal:
    rate_hz, rms_uv = subject.rate_hz, subject.resting_uv
    total = resting(generator, n_samples, rate_hz, subject.exponent, rms_uv)
    total += posterior_alpha(
        generator, n_samples, rate_hz, vigilance, subject.alpha_hz, subject.alpha_uv
    )
    total += slowing(generator, n_samples, rate_hz, vigilance, rms_uv)
    total += spindles(generator, n_samples, rate_hz, vigilance, 1.6 * rms_uv)
    return total


def _body(generator: Generator, n_samples: int, subject: Subject, vigilance: Vigilance) -> Signal:
    rate_hz = subject.rate_hz
    tonus = vigilance.envelope(_TONUS, n_samples, rate_hz)
    total = muscle(generator, n_samples, rate_hz, tonus, subject.muscle_uv)
    total += blinks(generator, n_samples, rate_hz, vigilance, subject.blink_uv)
    total += drift(generator, n_samples, rate_hz, subject.drift_uv)
    total += pops(generator, n_samples, rate_hz, _POPS_PER_HOUR)
    return total


def _seizure_uv(generator: Generator, subject: Subject, difficulty: float) -> float:
    """Draw the peak of a seizure: 5.5-9 (easy) to 2.5-5 (hard) times the resting RMS."""
    return subject.resting_uv * generator.uniform(5.5 - 3.0 * difficulty, 9.0 - 4.0 * difficulty)


def _artefact_uv(generator: Generator, subject: Subject, difficulty: float) -> float:
    """Draw the peak of an artefact: a seizure's on average, but too variable to separate them."""
    spread = np.exp(0.4 * generator.standard_normal())
    size = (1.0 + 0.2 * difficulty) * spread
    return float(size * _seizure_uv(generator, subject, difficulty))


def _plant_seizures(
    generator: Generator, potentials: Signal, subject: Subject, plan: Plan, difficulty: float
) -> None:
    rate_hz, semiology = subject.rate_hz, subject.semiology
    for event in plan.seizures:
        start, length = round(event.onset_s * rate_hz), round(event.duration_s * rate_hz)
        amplitude_uv = _seizure_uv(generator, subject, difficulty)
        involved = involvement(semiology, length, rate_hz)
        potentials[:, start : start + length] *= 1 - _ICTAL_ATTENUATION * involved
        add_at(potentials, seizure(generator, length, rate_hz, semiology, amplitude_uv), start)
        after = round(generator.uniform(*_POST_ICTAL_S) * rate_hz)
        waves = post_ictal(generator, after, rate_hz, semiology, 0.45 * amplitude_uv)
        add_at(potentials, waves, start + length)


def _plant_artefacts(
    generator: Generator, potentials: Signal, subject: Subject, plan: Plan, difficulty: float
) -> None:
    for event in plan.artefacts:
        length = round(event.duration_s * subject.rate_hz)
        amplitude_uv = _artefact_uv(generator, subject, difficulty)
        make = ARTEFACTS[event.event_type]
        snippet = make(generator, length, subject.rate_hz, amplitude_uv)
        add_at(potentials, snippet, round(event.onset_s * subject.rate_hz))


def _record(
    generator: Generator, potentials: Signal, subject: Subject
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Derive the channels; add hum, amplifier noise and an electrocardiogram."""
    labels, matrix = derivation(subject.montage)
    n_samples, rate_hz = potentials.shape[1], subject.rate_hz
    potentials += mains_hum(generator, n_samples, rate_hz, subject.mains_hz, subject.hum_uv)
    signals = np.empty((len(labels) + 1, n_samples), dtype=np.float32)
    signals[:-1] = mix(matrix, potentials)
    noise = generator.standard_normal((len(labels), n_samples), dtype=np.float32)
    signals[:-1] += np.float32(subject.noise_uv) * noise
    signals[-1] = heart(generator, n_samples, rate_hz)
    return (*labels, "ECG EKG"), signals


def _described(event: Event, subject: Subject) -> Event:
    focus = ELECTRODES[subject.semiology.focus]
    return Event(event.onset_s, event.duration_s, event.event_type, channels=(focus,))
