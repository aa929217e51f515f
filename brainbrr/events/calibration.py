"""Calibration of a detector's probabilities, fitted on validation recordings.

Source: Guo et al. 2017, On calibration of modern neural networks (temperature scaling).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event

LARGEST_LOGIT = 17.0
"""A float32 probability of 1 stands for any logit above this one."""


@dataclass(frozen=True)
class Calibration:
    """`p' = sigmoid(logit(p) / temperature + bias)`; the default leaves a probability as it is.

    The order of probabilities is preserved, and with it detected events and every rank score: only
    the confidence reported with an event changes.

    Attributes:
        temperature: above 1 for an overconfident detector.
        bias: added to the logit; negative for one that expects seizures too often.
    """

    temperature: float = 1.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.temperature < np.inf and np.isfinite(self.bias)):
            raise InvalidInput(
                "a positive, finite temperature and a finite bias",
                f"temperature {self.temperature}, bias {self.bias}",
                "Fit them on the validation split, or leave the calibration out.",
            )

    def apply(self, probability: NDArray[np.floating]) -> NDArray[np.float32]:
        """Calibrate probabilities of any shape."""
        if self == Calibration():
            return np.asarray(probability, dtype=np.float32)
        scaled = logit(probability) / self.temperature + self.bias
        return (1.0 / (1.0 + np.exp(-scaled))).astype(np.float32)

    def of_events(self, annotation: Annotation) -> Annotation:
        """Calibrate the confidence of each event; an unknown confidence stays unknown."""
        return replace(annotation, events=self.calibrated(annotation.events))

    def calibrated(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Calibrate the confidence of each event; an unknown confidence stays unknown."""
        events = tuple(events)
        if self == Calibration():
            return events
        given = [event.confidence for event in events if event.confidence is not None]
        confidences = iter(self.apply(np.array(given)).tolist())
        return tuple(
            event if event.confidence is None else replace(event, confidence=next(confidences))
            for event in events
        )


def logit(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute log odds, clipped to +-`LARGEST_LOGIT`."""
    largest = 1.0 / (1.0 + np.exp(-LARGEST_LOGIT))
    inside = np.clip(np.asarray(probability, dtype=np.float64), 1.0 - largest, largest)
    return np.log(inside) - np.log1p(-inside)
