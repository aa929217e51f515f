"""Detection of each annotated seizure: latency, boundaries, duration and type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brainbrr.events.annotation import Annotation
from brainbrr.events.intervals import clip, merge
from brainbrr.scoring.summary import Scores

DURATIONS: dict[str, Callable[[float], bool]] = {
    "<30": lambda duration_s: duration_s < 30,
    "30-90": lambda duration_s: 30 <= duration_s <= 90,
    ">90": lambda duration_s: duration_s > 90,
}


@dataclass(frozen=True)
class Seizure:
    """One annotated seizure.

    Attributes:
        duration_s: as annotated, within the recording.
        event_type: HED-SCORE code.
        onset_error_s: onset of the first overlapping detection minus the seizure's; None if none
            overlaps.
        offset_error_s: offset of the last overlapping detection minus the seizure's.
    """

    duration_s: float
    event_type: str
    onset_error_s: float | None
    offset_error_s: float | None

    @property
    def detected(self) -> bool:
        """Whether any detection overlaps it (NEDC's any-overlap rule)."""
        return self.onset_error_s is not None


def follow_seizures(
    references: Sequence[Annotation], hypotheses: Sequence[Annotation]
) -> list[Seizure]:
    """Return every annotated seizure of a corpus with the detections that overlap it.

    Annotations that overlap or touch are one seizure, of the type of the longest among them.
    """
    seizures = []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        claims = clip(merge(hypothesis.seizure_intervals), 0.0, reference.duration_s)
        for onset_s, offset_s in clip(
            merge(reference.seizure_intervals), 0.0, reference.duration_s
        ):
            hits = claims[(claims[:, 0] < offset_s) & (claims[:, 1] > onset_s)]
            seizures.append(
                Seizure(
                    float(offset_s - onset_s),
                    _type_between(reference, onset_s, offset_s),
                    float(hits[0, 0] - onset_s) if len(hits) else None,
                    float(hits[-1, 1] - offset_s) if len(hits) else None,
                )
            )
    return seizures


def _type_between(reference: Annotation, onset_s: float, offset_s: float) -> str:
    overlapping = [
        event
        for event in reference.seizures
        if event.onset_s < offset_s and event.offset_s > onset_s
    ]
    return max(overlapping, key=lambda event: event.duration_s).event_type


def latency(seizures: Sequence[Seizure]) -> Scores:
    """Summarize seconds from a seizure's onset to its detection's; early is negative."""
    errors_s = [s.onset_error_s for s in seizures if s.onset_error_s is not None]
    if not errors_s:
        return {"median": None, "p90": None, "n": 0}
    return {
        "median": float(np.median(errors_s)),
        "p90": float(np.percentile(errors_s, 90)),
        "n": len(errors_s),
    }


def boundary_error(seizures: Sequence[Seizure]) -> Scores:
    """Compute the median signed and absolute error of detected onsets and offsets, in seconds."""
    sides = {
        "onset": [s.onset_error_s for s in seizures if s.onset_error_s is not None],
        "offset": [s.offset_error_s for s in seizures if s.offset_error_s is not None],
    }
    return {
        side: {
            "median": float(np.median(errors_s)) if errors_s else None,
            "median_absolute": float(np.median(np.abs(errors_s))) if errors_s else None,
        }
        for side, errors_s in sides.items()
    }


def by_duration(seizures: Sequence[Seizure]) -> Scores:
    """Compute sensitivity for short, medium and long seizures; the keys are seconds."""
    return {
        name: _sensitivity([s for s in seizures if belongs(s.duration_s)])
        for name, belongs in DURATIONS.items()
    }


def by_type(seizures: Sequence[Seizure]) -> Scores:
    """Compute sensitivity for each annotated type."""
    types = sorted({s.event_type for s in seizures})
    return {name: _sensitivity([s for s in seizures if s.event_type == name]) for name in types}


def _sensitivity(seizures: Sequence[Seizure]) -> Scores:
    n_detected = sum(s.detected for s in seizures)
    return {
        "n": len(seizures),
        "detected": n_detected,
        "sensitivity": n_detected / len(seizures) if seizures else None,
    }
