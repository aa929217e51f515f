"""One synthetic recording: brain, body and recorder added up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import BACKGROUND, SEIZURE, Event
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis.background import posterior_alpha, resting, slowing, spindles
from brainbrr.synthesis.derivation import derivation
from brainbrr.synthesis.effects import make_effects
from brainbrr.synthesis.noise import Signal
from brainbrr.synthesis.nuisance import blinks, drift, heart, mains_hum, muscle, pops
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.plan import Plan, draw_plan
from brainbrr.synthesis.scalp import distances_rad, mix
from brainbrr.synthesis.states import Vigilance, draw_vigilance
from brainbrr.synthesis.subject import Subject

# A fixed date: the current one would make the bytes differ from run to run.
FIRST_START = datetime(2020, 1, 1, 8)
_TONUS = {"eyes_open": 1.0, "eyes_closed": 0.7, "drowsy": 0.4, "asleep": 0.15}
_POPS_PER_HOUR = 30.0
_LEAST_RESTING_UV = 3.0
"""Amplitudes in EEG of very low voltage are relative to this."""
_DEAD_PROBABILITY, _BRIDGED_PROBABILITY = 0.1, 0.1
_CODES = {
    "focal": "sz_foc", "migrating": "sz_foc", "subtle": "sz_foc", "absence": "sz_gen_nm",
    "tonic_clonic": "sz_foc_f2b",
}  # fmt: skip
"""HED-SCORE codes of the types that have one of their own."""


@dataclass(frozen=True)
class SyntheticRecording:
    """The content of a file, and the truth about it.

    Attributes:
        signals_uv: float32, `(channels, samples)`.
        labels: one per channel.
        annotation: what was planted: seizures by their HED-SCORE code, all else as background.
        classes: the name of each event in the tables of effects.
    """

    signals_uv: Signal
    labels: tuple[str, ...]
    rate_hz: int
    annotation: Annotation
    classes: tuple[str, ...]


def make_recording(
    parameters: SynthesisParameters, subject: Subject, run: int
) -> SyntheticRecording:
    """Make recording number `run` of a subject; it does not depend on what was made before."""
    generator = np.random.default_rng([parameters.seed, subject.index, run])
    recording_s = parameters.seconds_of(subject.split)
    n_samples = recording_s * subject.rate_hz
    plan = draw_plan(generator, parameters, subject.split, subject.population)
    vigilance = draw_vigilance(generator, recording_s)
    potentials = _brain(generator, n_samples, subject, vigilance)
    effects = make_effects(
        generator,
        plan,
        n_samples,
        subject.rate_hz,
        semiology=subject.semiology,
        resting_uv=max(subject.resting_uv, _LEAST_RESTING_UV),
        difficulty=subject.difficulty,
    )
    potentials *= effects.background
    potentials += effects.waves_uv
    potentials += _body(generator, n_samples, subject, vigilance)
    potentials *= np.float32(subject.gain)
    labels, signals = _record(generator, potentials, subject)
    start = FIRST_START + timedelta(days=subject.index, seconds=run * (recording_s + 1800))
    annotation, classes = annotate(plan, float(recording_s), subject.semiology.focus, start)
    return SyntheticRecording(signals, labels, subject.rate_hz, annotation, classes)


def annotate(
    plan: Plan, recording_s: float, focus: int, start: datetime | None
) -> tuple[Annotation, tuple[str, ...]]:
    """Return the annotation of a plan, and the name of each of its events."""
    channels = (ELECTRODES[focus],)
    events = [
        *((event, _CODES.get(event.event_type, SEIZURE), channels) for event in plan.seizures),
        *((event, BACKGROUND, ()) for event in (*plan.artefacts, *plan.ongoing)),
    ]
    events.sort(key=lambda entry: (entry[0].onset_s, entry[0].offset_s))
    coded = tuple(
        Event(event.onset_s, event.duration_s, code, channels=names)
        for event, code, names in events
    )
    return Annotation(coded, recording_s, start), tuple(entry[0].event_type for entry in events)


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


def _record(
    generator: Generator, potentials: Signal, subject: Subject
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Derive the channels; add hum, amplifier noise, faults and an electrocardiogram."""
    labels, matrix = derivation(subject.montage)
    n_samples, rate_hz = potentials.shape[1], subject.rate_hz
    if generator.random() < _BRIDGED_PROBABILITY:
        one = int(generator.integers(len(potentials)))
        near = int(np.argsort(distances_rad()[one])[1])
        potentials[[one, near]] = potentials[[one, near]].mean(axis=0)
    potentials += mains_hum(generator, n_samples, rate_hz, subject.mains_hz, subject.hum_uv)
    signals = np.empty((len(labels) + 1, n_samples), dtype=np.float32)
    signals[:-1] = mix(matrix, potentials)
    noise = generator.standard_normal((len(labels), n_samples), dtype=np.float32)
    signals[:-1] += np.float32(subject.noise_uv) * noise
    if generator.random() < _DEAD_PROBABILITY:
        signals[int(generator.integers(len(labels)))] = 0
    signals[-1] = heart(generator, n_samples, rate_hz)
    return (*labels, "ECG EKG"), signals
