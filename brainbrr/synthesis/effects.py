"""What a plan does to the potentials of the brain, synthetic or real."""

import numpy as np
from numpy.random import Generator

from brainbrr.events.event import Event
from brainbrr.synthesis.artefacts import ARTEFACTS
from brainbrr.synthesis.effect import Effect
from brainbrr.synthesis.noise import add_at, log_uniform
from brainbrr.synthesis.patterns import PATTERNS, burst_suppression
from brainbrr.synthesis.plan import WARD, Plan
from brainbrr.synthesis.seizure_types import SEIZURE_TYPES
from brainbrr.synthesis.seizures import Semiology, draw_semiology, post_ictal

_POST_ICTAL_S = (20.0, 60.0)
_OTHER_SEMIOLOGY = 0.2
"""Probability that a seizure starts elsewhere than the subject's others."""
_PAUSED = 0.1
_MAKERS = {**ARTEFACTS, **PATTERNS}


def make_effects(
    generator: Generator,
    plan: Plan,
    n_samples: int,
    rate_hz: float,
    *,
    semiology: Semiology,
    resting_uv: float,
    difficulty: float,
) -> Effect:
    """Make everything that is planted into one recording.

    Args:
        resting_uv: root mean square of the background, to which amplitudes are relative.
        difficulty: 0 for seizures that stand out, 1 for small ones among large artefacts.
    """
    effect = Effect.none(n_samples)
    for event in plan.ongoing:
        _add_negative(generator, effect, event, rate_hz, resting_uv, difficulty)
        if event.event_type in WARD:
            _pause(effect, plan.seizures, rate_hz)
    for event in plan.seizures:
        other = generator.random() < _OTHER_SEMIOLOGY
        own = draw_semiology(generator) if other else semiology
        size_uv = seizure_uv(generator, resting_uv, difficulty)
        _add_seizure(generator, effect, event, rate_hz, own, size_uv)
    for event in plan.artefacts:
        _add_negative(generator, effect, event, rate_hz, resting_uv, difficulty)
    return effect


def seizure_uv(generator: Generator, resting_uv: float, difficulty: float) -> float:
    """Draw the peak of a seizure: 5-13 (easy) to 2.2-6 (hard) times the resting RMS."""
    return resting_uv * log_uniform(generator, (5.0 - 2.8 * difficulty, 13.0 - 7.0 * difficulty))


def _negative_uv(generator: Generator, resting_uv: float, difficulty: float) -> float:
    """Draw the peak of an artefact: a seizure's on average, but too variable to separate them."""
    spread = np.exp(0.5 * generator.standard_normal())
    size = (1.0 + 0.2 * difficulty) * spread
    return float(size * seizure_uv(generator, resting_uv, difficulty))


def _add_seizure(
    generator: Generator,
    effect: Effect,
    event: Event,
    rate_hz: float,
    semiology: Semiology,
    amplitude_uv: float,
) -> None:
    start, length = round(event.onset_s * rate_hz), round(event.duration_s * rate_hz)
    seizure = SEIZURE_TYPES[event.event_type](generator, length, rate_hz, semiology, amplitude_uv)
    effect.add(seizure, start)
    stop = start + length
    suppressed = effect.background[:, stop : stop + round(seizure.suppression_s * rate_hz)]
    suppressed *= (0.15 + 0.85 * np.linspace(0, 1, suppressed.shape[1]) ** 2).astype(np.float32)
    after = round(generator.uniform(*_POST_ICTAL_S) * rate_hz)
    slow_uv = 0.45 * amplitude_uv * log_uniform(generator, (0.3, 1.0))
    add_at(effect.waves_uv, post_ictal(generator, after, rate_hz, semiology, slow_uv), stop)


def _add_negative(
    generator: Generator,
    effect: Effect,
    event: Event,
    rate_hz: float,
    resting_uv: float,
    difficulty: float,
) -> None:
    start, length = round(event.onset_s * rate_hz), round(event.duration_s * rate_hz)
    amplitude_uv = _negative_uv(generator, resting_uv, difficulty)
    if event.event_type == "burst_suppression":
        effect.add(burst_suppression(generator, length, rate_hz, 0.3 * amplitude_uv), start)
    else:
        snippet = _MAKERS[event.event_type](generator, length, rate_hz, amplitude_uv)
        add_at(effect.waves_uv, snippet, start)


def _pause(effect: Effect, seizures: tuple[Event, ...], rate_hz: float) -> None:
    """Attenuate an ongoing pattern while a seizure runs: the seizure takes its place."""
    for event in seizures:
        start, stop = round(event.onset_s * rate_hz), round(event.offset_s * rate_hz)
        effect.waves_uv[:, start:stop] *= _PAUSED
