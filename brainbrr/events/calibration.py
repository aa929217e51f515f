"""What a detector's probabilities mean: a correction fitted on validation recordings.

Source: Guo et al. 2017, On calibration of modern neural networks (temperature scaling).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation

LARGEST_LOGIT = 17.0
"""A float32 probability of 1 stands for any logit above this one."""


class InvalidCalibration(BrainbrrError):
    """A correction that would turn the order of probabilities round, or is no number."""


@dataclass(frozen=True)
class Calibration:
    """`p' = sigmoid(logit(p) / temperature + bias)`; the default leaves a probability as it is.

    The order of probabilities stays, so detected events and every rank score stay too: what changes
    is the confidence that an event is told with.

    Attributes:
        temperature: above 1 for a detector that is too sure of itself.
        bias: added to the logit; negative for one that expects seizures too often.
    """

    temperature: float = 1.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.temperature < np.inf and np.isfinite(self.bias)):
            raise InvalidCalibration(
                "a positive, finite temperature and a finite bias",
                f"temperature {self.temperature}, bias {self.bias}",
                "Fit them on the validation split, or leave the calibration out.",
            )

    def apply(self, probability: NDArray[np.floating]) -> NDArray[np.float32]:
        """Calibrated probabilities, of the same shape."""
        if self == Calibration():
            return np.asarray(probability, dtype=np.float32)
        scaled = logit(probability) / self.temperature + self.bias
        return (1.0 / (1.0 + np.exp(-scaled))).astype(np.float32)

    def of_events(self, annotation: Annotation) -> Annotation:
        """The same events, each with calibrated confidence; what is not known stays unknown."""
        if self == Calibration():
            return annotation
        known = [one.confidence for one in annotation.events if one.confidence is not None]
        calibrated = iter(self.apply(np.array(known)).tolist())
        events = (
            one if one.confidence is None else replace(one, confidence=next(calibrated))
            for one in annotation.events
        )
        return replace(annotation, events=tuple(events))


def logit(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log odds, within +-`LARGEST_LOGIT`."""
    largest = 1.0 / (1.0 + np.exp(-LARGEST_LOGIT))
    inside = np.clip(np.asarray(probability, dtype=np.float64), 1.0 - largest, largest)
    return np.log(inside) - np.log1p(-inside)
