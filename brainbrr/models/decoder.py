"""From slow features back to one logit per sample.

Axes: features (batch, channels, frames), doubled stage by stage to (batch, channels, samples);
    logits (batch, samples).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from brainbrr.errors import InvalidOption
from brainbrr.models.layers import ChannelNorm, variance_preserving_init_

LOGIT_CAP = 40.0
"""Beyond +-40 a float32 probability is 0 or 1 already; a smooth cap keeps the gradient finite and
alive."""


class Decoder(nn.Module):
    """Transposed convolutions that double the rate stage by stage.

    Args:
        channels: width before the first stage and after each one.
        skips: width of the encoder stage added after each decoder stage but the last, slow to fast;
            empty for none.
    """

    def __init__(self, channels: Sequence[int], skips: Sequence[int] = ()) -> None:
        super().__init__()
        self.norms = nn.ModuleList(ChannelNorm(width) for width in channels[:-1])
        self.stages = nn.ModuleList(_doubling(wide, narrow) for wide, narrow in pairwise(channels))
        self.joins = nn.ModuleList(
            nn.Conv1d(skip, width, 1, bias=False)
            for skip, width in zip(skips, channels[1:], strict=False)
        )
        for join in self.joins:
            variance_preserving_init_(join)

    def forward(self, features: Tensor, stages: Sequence[Tensor] = ()) -> Tensor:
        """Return `(batch, channels[-1], samples)`; `stages` are the encoder's, fast to slow, if
        built with skips."""
        skips = tuple(reversed(stages))
        for i, (norm, stage) in enumerate(zip(self.norms, self.stages, strict=True)):
            features = stage(norm(features, activate=True))
            if i < len(self.joins):
                features = features + self.joins[i](skips[i])
        return features


def _doubling(channels_in: int, channels_out: int) -> nn.ConvTranspose1d:
    """Double the samples at equal size: each output sample is reached by 2 of the 4 taps."""
    layer = nn.ConvTranspose1d(channels_in, channels_out, 4, stride=2, padding=1)
    nn.init.normal_(layer.weight, std=math.sqrt(2.0 / (2 * channels_in)))
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class Head(nn.Module):
    """One logit per sample, softly capped at +-40, starting at the log-odds of how common
    seizures are.

    Args:
        channels: width of the decoder's output.
        prior: fraction of samples expected to be ictal, between 0 and 1.

    Raises:
        InvalidOption: it is not between 0 and 1.
    """

    def __init__(self, channels: int, prior: float) -> None:
        super().__init__()
        if not 0.0 < prior < 1.0:
            raise InvalidOption(
                "0 < prior < 1", str(prior), "Set model.prior to the fraction of ictal samples."
            )
        self.norm = ChannelNorm(channels)
        self.read = nn.Conv1d(channels, 1, 1)
        variance_preserving_init_(self.read, gain=0.5)
        assert self.read.bias is not None
        nn.init.constant_(self.read.bias, math.log(prior / (1 - prior)))

    def forward(self, features: Tensor) -> Tensor:
        """Return `(batch, samples)`, float32."""
        logits = self.read(self.norm(features, activate=True)).squeeze(1).float()
        return LOGIT_CAP * torch.tanh(logits / LOGIT_CAP)
