"""Schedule of a recording: seizures far apart, artefacts between them."""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brainbrr.events.event import Event
from brainbrr.synthesis.artefacts import ARTEFACTS
from brainbrr.synthesis.parameters import SynthesisParameters

_GRID_S = 0.25  # on a whole sample at every usual rate
_MARGIN_S = 10.0
_SEPARATION_S = 150.0
_BEFORE_SEIZURE_S = 15.0
_AFTER_SEIZURE_S = 45.0
_ARTEFACT_S = (10.0, 75.0)
_ATTEMPTS = 20
# Those that share a band with seizures are the most frequent.
_FREQUENCIES = MappingProxyType(
    {"drowsy_theta": 2.0, "temporal_theta": 2.0, "delta_run": 2.0, "patting": 0.5}
)


@dataclass(frozen=True)
class Plan:
    """Seizures and artefacts of one recording, without overlap; an artefact's type is its name."""

    seizures: tuple[Event, ...]
    artefacts: tuple[Event, ...]


def draw_plan(generator: Generator, parameters: SynthesisParameters, split: str) -> Plan:
    """Draw the schedule of one recording."""
    recording_s = parameters.seconds_of(split)
    per_hour = parameters.seizures_per_hour[split]
    seizures = _draw_seizures(generator, parameters, recording_s, per_hour)
    return Plan(seizures, _draw_artefacts(generator, parameters, recording_s, seizures))


def _draw_seizures(
    generator: Generator, parameters: SynthesisParameters, recording_s: int, per_hour: float
) -> tuple[Event, ...]:
    """Draw seizures at the given rate on average; fewer if they do not fit."""
    wanted = int(per_hour * recording_s / 3600 + generator.random())
    shortest, longest = np.log([parameters.min_seizure_s, parameters.max_seizure_s])
    durations_s = _on_grid(np.exp(generator.uniform(shortest, longest, wanted)))
    room_s = recording_s - 2 * _MARGIN_S
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
        Event(float(on), float(long)) for on, long in zip(onsets_s, durations_s, strict=True)
    )


def _draw_artefacts(
    generator: Generator,
    parameters: SynthesisParameters,
    recording_s: int,
    seizures: tuple[Event, ...],
) -> tuple[Event, ...]:
    taken = [
        (event.onset_s - _BEFORE_SEIZURE_S, event.offset_s + _AFTER_SEIZURE_S) for event in seizures
    ]
    artefacts = []
    longest_s = min(_ARTEFACT_S[1], recording_s / 4)
    shortest_s = min(_ARTEFACT_S[0], longest_s)
    names = tuple(ARTEFACTS)
    frequencies = np.array([_FREQUENCIES.get(name, 1.0) for name in names])
    for _ in range(generator.poisson(parameters.artefacts_per_hour * recording_s / 3600)):
        name = names[int(generator.choice(len(names), p=frequencies / frequencies.sum()))]
        for _ in range(_ATTEMPTS):
            duration_s = _on_grid(np.exp(generator.uniform(*np.log([shortest_s, longest_s]))))
            onset_s = _on_grid(generator.uniform(0, recording_s - duration_s))
            span = float(onset_s), float(onset_s + duration_s)
            if all(span[1] <= on or off <= span[0] for on, off in taken):
                taken.append(span)
                artefacts.append(Event(span[0], float(duration_s), name))
                break
    return tuple(sorted(artefacts, key=lambda event: event.onset_s))


def _on_grid(time_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.maximum(np.rint(np.asarray(time_s) / _GRID_S), 1) * _GRID_S
