"""Schedule of a recording: seizures far apart, artifacts and patterns around them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.events.event import Event
from brainbrr.synthesis.artefacts import ARTEFACTS
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.patterns import PATTERNS
from brainbrr.synthesis.subject import choose

_GRID_S = 0.25  # on a whole sample at every usual rate
_MARGIN_S = 10.0
_SEPARATION_S = 150.0
_BEFORE_SEIZURE_S = 15.0
_AFTER_SEIZURE_S = 45.0
_ARTEFACT_S = (5.0, 75.0)
_ATTEMPTS = 20
_SEIZURE_S: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "focal": (10.0, 120.0),
        "migrating": (20.0, 120.0),
        "absence": (8.0, 40.0),
        "tonic_clonic": (40.0, 110.0),
        "electrodecrement": (10.0, 40.0),
        "nonconvulsive_status": (60.0, 600.0),
        "subtle": (10.0, 60.0),
    }
)
"""Shortest and longest seizure of each type."""
_STATUS_TYPES = {"nonconvulsive_status": 5.0, "focal": 3.0, "absence": 1.0, "tonic_clonic": 1.0}
_NEGATIVES = {
    **dict.fromkeys((*ARTEFACTS, *PATTERNS), 1.0),
    # Those that share a band with seizures are the most frequent.
    "drowsy_theta": 2.0, "temporal_theta": 2.0, "delta_run": 2.0, "patting": 0.7, "movement": 1.5,
}  # fmt: skip
WARD = {
    "lpd": 1.0, "gpd": 1.5, "bipd": 0.5, "lrda": 1.0, "grda": 1.5, "extreme_delta_brush": 0.5,
    "polymorphic_delta": 1.0, "theta_slowing": 0.7, "burst_suppression": 1.0,
}  # fmt: skip
"""Patterns that last in intensive care."""
_BEDSIDE = {
    "movement": 1.0, "sweat": 1.0, "interictal_spikes": 1.0, "ventilator": 0.5, "pulse": 0.5,
    "muscle_tension": 1.0, "ecg": 1.5,
}  # fmt: skip
_BEDSIDE_PROBABILITY = 0.5
_WARD_PROBABILITY = 0.75


@dataclass(frozen=True)
class Plan:
    """What is planted into one recording; an event's type is its name in the tables of effects.

    Attributes:
        seizures: apart from one another; their type is a name in `SEIZURE_TYPES`.
        artefacts: overlap neither one another nor seizures.
        ongoing: last long and overlap anything; a pattern pauses while a seizure runs.
    """

    seizures: tuple[Event, ...]
    artefacts: tuple[Event, ...]
    ongoing: tuple[Event, ...] = ()


def draw_plan(
    generator: Generator,
    parameters: SynthesisParameters,
    split: str,
    population: str = "adult",
    recording_s: float | None = None,
) -> Plan:
    """Draw the schedule of one recording, of the split's length unless one is given."""
    recording_s = parameters.seconds_of(split) if recording_s is None else recording_s
    per_hour = parameters.seizures_per_hour[split]
    if population == "status" and per_hour > 0:
        seizures = _draw_status(generator, parameters, recording_s)
    else:
        seizures = _draw_seizures(generator, parameters, recording_s, per_hour)
    return Plan(
        seizures,
        _draw_artefacts(generator, parameters, recording_s, seizures),
        _draw_ongoing(generator, parameters, recording_s, population),
    )


def _draw_seizures(
    generator: Generator, parameters: SynthesisParameters, recording_s: float, per_hour: float
) -> tuple[Event, ...]:
    """Draw seizures at the given rate on average; fewer if they do not fit."""
    wanted = int(per_hour * recording_s / 3600 + generator.random())
    types = [choose(generator, parameters.seizure_types) for _ in range(wanted)]
    room_s = recording_s - 2 * _MARGIN_S
    shortest_s = parameters.min_seizure_s
    limits_s = shortest_s, float(np.clip(0.4 * room_s, shortest_s, parameters.max_seizure_s))
    bounds_s = np.array([np.clip(_SEIZURE_S[name], *limits_s) for name in types]).reshape(-1, 2)
    durations_s = _on_grid(np.exp(generator.uniform(*np.log(bounds_s).T)))
    while len(durations_s) and durations_s.sum() > 0.6 * room_s:
        durations_s = durations_s[:-1]
    count = len(durations_s)
    if count == 0:
        return ()
    free_s = room_s - durations_s.sum()
    separation_s = min(_SEPARATION_S, 0.8 * free_s / count)
    slack_s = (free_s - separation_s * (count - 1)) * generator.dirichlet(np.ones(count + 1))[:-1]
    before_s = np.concatenate([[0.0], np.cumsum(durations_s + separation_s)[:-1]])
    onsets_s = _on_grid(_MARGIN_S + before_s + np.cumsum(slack_s))
    return tuple(
        Event(float(on), float(long), name)
        for on, long, name in zip(onsets_s, durations_s, types, strict=False)
    )


def _draw_status(
    generator: Generator, parameters: SynthesisParameters, recording_s: float
) -> tuple[Event, ...]:
    """Draw one seizure that fills the recording or most of it."""
    weights = {
        name: weight
        for name, weight in _STATUS_TYPES.items()
        if parameters.seizure_types.get(name, 0.0) > 0
    }
    name = choose(generator, weights or parameters.seizure_types)
    onset_s = 0.0 if generator.random() < 0.6 else generator.uniform(0.0, 0.3) * recording_s
    share = 1.0 if generator.random() < 0.6 else generator.uniform(0.5, 0.95)
    onset_s = float(_on_grid(onset_s)) if onset_s else 0.0
    duration_s = min(float(_on_grid(share * (recording_s - onset_s))), recording_s - onset_s)
    return (Event(onset_s, duration_s, name),)


def _draw_artefacts(
    generator: Generator,
    parameters: SynthesisParameters,
    recording_s: float,
    seizures: tuple[Event, ...],
) -> tuple[Event, ...]:
    taken = [
        (event.onset_s - _BEFORE_SEIZURE_S, event.offset_s + _AFTER_SEIZURE_S) for event in seizures
    ]
    artefacts = []
    longest_s = min(_ARTEFACT_S[1], recording_s / 4)
    shortest_s = min(_ARTEFACT_S[0], longest_s)
    for _ in range(generator.poisson(parameters.artefacts_per_hour * recording_s / 3600)):
        name = choose(generator, _NEGATIVES)
        for _ in range(_ATTEMPTS):
            duration_s = _on_grid(np.exp(generator.uniform(*np.log([shortest_s, longest_s]))))
            onset_s = _on_grid(generator.uniform(0, recording_s - duration_s))
            span = float(onset_s), float(onset_s + duration_s)
            if all(span[1] <= on or off <= span[0] for on, off in taken):
                taken.append(span)
                artefacts.append(Event(span[0], float(duration_s), name))
                break
    return tuple(sorted(artefacts, key=lambda event: event.onset_s))


def _draw_ongoing(
    generator: Generator, parameters: SynthesisParameters, recording_s: float, population: str
) -> tuple[Event, ...]:
    """Draw what lasts: a pattern of intensive care, and artifacts of the bedside."""
    ongoing = []
    if parameters.artefacts_per_hour == 0:
        return ()
    if population == "critical" and generator.random() < _WARD_PROBABILITY:
        whole = generator.random() < 0.6
        onset_s = 0.0 if whole else generator.uniform(0.0, 0.5) * recording_s
        duration_s = (recording_s - onset_s) * generator.uniform(0.5, 1.0)
        ongoing.append((onset_s, duration_s, choose(generator, WARD)))
    if generator.random() < _BEDSIDE_PROBABILITY:
        duration_s = recording_s * generator.uniform(0.1, 0.8)
        onset_s = generator.uniform(0.0, recording_s - duration_s)
        ongoing.append((onset_s, duration_s, choose(generator, _BEDSIDE)))
    return tuple(
        Event(_rounded_s(onset_s), max(_rounded_s(duration_s), _GRID_S), name)
        for onset_s, duration_s, name in ongoing
        if duration_s >= 2.0
    )


def _rounded_s(time_s: float) -> float:
    return float(np.floor(time_s / _GRID_S) * _GRID_S)


def _on_grid(time_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.maximum(np.rint(np.asarray(time_s) / _GRID_S), 1) * _GRID_S
