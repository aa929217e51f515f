"""Losses of logits, exact at any logit.

All losses take `(logits, label, weight)`, each `(batch, samples)`, and return the mean over samples
weighted by `weight`, which is 0 in the padding of a window. Computed with log-sigmoid in float32,
they stay finite and exact at logits of +-40 and beyond, where `log(sigmoid(x))` is minus infinity.
"""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from brainbrr.errors import InvalidOption


class Loss(Protocol):
    """The interface of a loss."""

    def __call__(self, logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        """Return the mean loss over the weighted samples, a scalar."""

    def for_seizure_fraction(self, fraction: float) -> Self:
        """Return the loss for data of which this fraction is seizure."""


def positive_weight_of(fraction: float) -> float:
    """Return `sqrt((1 - f) / f)`: rare seizures count more, but less than by their rarity."""
    return float(((1.0 - fraction) / fraction) ** 0.5)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """Binary cross-entropy.

    Attributes:
        positive_weight: factor of seizure samples; None derives it from the sampled windows.
        boundary_s: samples closer than this to an onset or offset are boundary, in seconds.
        boundary_weight: factor of boundary samples; below 1 where annotators disagree.
        rate_hz: samples per second.
    """

    positive_weight: float | None = None
    boundary_s: float = 0.0
    boundary_weight: float = 1.0
    rate_hz: float = 256.0

    def __call__(self, logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        """Return the mean cross-entropy over the weighted samples."""
        label, logits = label.float(), logits.float()
        loss = -_log_likelihood(logits, label) * _positive(label, self.positive_weight)
        return _mean(loss, weight * _boundary(label, self))

    def for_seizure_fraction(self, fraction: float) -> Self:
        """Return the loss with the positive weight for this fraction, if none was given."""
        return replace(self, positive_weight=_positive_weight(self, fraction))


@dataclass(frozen=True)
class FocalLoss:
    """Focal loss (Lin et al., 2017, eq. 5): samples that are already classified with confidence
    hardly count.

    Attributes:
        alpha: fraction of the loss on seizure samples, from 0 to 1; 0.5 is balanced.
        gamma: how steeply easy samples lose weight; 0 is cross-entropy times alpha.
        positive_weight: further factor of seizure samples; None derives it from the windows.
        boundary_s: samples closer than this to an onset or offset are boundary, in seconds.
        boundary_weight: factor of boundary samples.
        rate_hz: samples per second.
    """

    alpha: float = 0.5
    gamma: float = 2.0
    positive_weight: float | None = None
    boundary_s: float = 0.0
    boundary_weight: float = 1.0
    rate_hz: float = 256.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.alpha <= 1.0 and self.gamma >= 0.0):
            raise InvalidOption(
                "alpha from 0 to 1 and gamma of 0 or more",
                f"alpha {self.alpha}, gamma {self.gamma}",
                "Correct loss.alpha or loss.gamma.",
            )

    def __call__(self, logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        """Return the mean focal loss over the weighted samples."""
        label, logits = label.float(), logits.float()
        log_right = _log_likelihood(logits, label)
        # 1 - p_right is the sigmoid of the negated logit: exact where 1 - exp(log_right) is 0.
        wrong = torch.sigmoid(torch.where(label > 0, -logits, logits))
        alpha = torch.where(label > 0, self.alpha, 1.0 - self.alpha)
        loss = -alpha * wrong**self.gamma * log_right * _positive(label, self.positive_weight)
        return _mean(loss, weight * _boundary(label, self))

    def for_seizure_fraction(self, fraction: float) -> Self:
        """Return the loss with the positive weight for this fraction, if none was given."""
        return replace(self, positive_weight=_positive_weight(self, fraction))


@dataclass(frozen=True)
class TverskyLoss:
    """Tversky loss (Salehi et al., 2017): one minus the overlap of prediction and truth, with
    weights of misses and false alarms.

    Attributes:
        miss_weight: weight of missed seizure samples.
        alarm_weight: weight of false alarm samples; 0.5 and 0.5 is the Dice loss.
        smooth: samples added to both sides of the ratio, for a gradient without any seizure.
        cross_entropy: fraction of plain cross-entropy, from 0 to 1: a gradient without overlap.
    """

    miss_weight: float = 0.7
    alarm_weight: float = 0.3
    smooth: float = 1.0
    cross_entropy: float = 0.5

    def __post_init__(self) -> None:
        if not (min(self.miss_weight, self.alarm_weight) >= 0 < self.smooth) or not (
            0 <= self.cross_entropy <= 1
        ):
            raise InvalidOption(
                "weights of 0 or more, smooth above 0, cross_entropy from 0 to 1",
                f"{self}",
                "Correct the loss.",
            )

    def __call__(self, logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        """Return the Tversky loss over all weighted samples of the batch together."""
        label, logits = label.float(), logits.float()
        log_alarm, log_quiet = F.logsigmoid(logits), F.logsigmoid(-logits)
        hit = (weight * label * log_alarm.exp()).sum()
        miss = (weight * label * log_quiet.exp()).sum()
        alarm = (weight * (1 - label) * log_alarm.exp()).sum()
        overlap = (hit + self.smooth) / (
            hit + self.miss_weight * miss + self.alarm_weight * alarm + self.smooth
        )
        entropy = _mean(-_log_likelihood(logits, label), weight)
        return (1 - self.cross_entropy) * (1 - overlap) + self.cross_entropy * entropy

    def for_seizure_fraction(self, fraction: float) -> Self:
        """Return the loss itself: overlap does not depend on how rare seizures are."""
        return self


def _log_likelihood(logits: Tensor, label: Tensor) -> Tensor:
    return label * F.logsigmoid(logits) + (1 - label) * F.logsigmoid(-logits)


def _positive(label: Tensor, positive_weight: float | None) -> Tensor:
    return 1 + label * ((1.0 if positive_weight is None else positive_weight) - 1)


def _positive_weight(loss: BinaryCrossEntropy | FocalLoss, fraction: float) -> float | None:
    if loss.positive_weight is not None or not 0.0 < fraction < 1.0:
        return loss.positive_weight
    return positive_weight_of(fraction)


def _boundary(label: Tensor, loss: BinaryCrossEntropy | FocalLoss) -> Tensor | float:
    reach = round(loss.boundary_s * loss.rate_hz)
    if reach == 0 or loss.boundary_weight == 1.0:
        return 1.0
    near_seizure, near_background = (
        F.max_pool1d(side[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]
        for side in (label, 1 - label)
    )
    return 1 + near_seizure * near_background * (loss.boundary_weight - 1)


def _mean(loss: Tensor, weight: Tensor) -> Tensor:
    # The loss of a batch of padding is 0, and its gradient zero instead of undefined.
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)
