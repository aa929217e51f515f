"""Small layers that every part of the networks shares.

Axes: signal (batch, channels, samples).
"""

import math

import torch
from torch import Tensor, nn

from brainbrr.kernels import ops


class ChannelNorm(nn.Module):
    """Brings each sample's channels to a common scale, except where they are quiet already.

    The sum under the root has a floor of one: values of the order of one or less pass nearly
    unchanged and larger ones are brought down to it. A plain layer norm would erase amplitude,
    which is half of what tells a seizure; a norm over time would let one artefact dim a whole
    window. Each sample is normalized by itself, so a window's output depends on no neighbor.
    """

    def __init__(self, channels: int, floor: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.floor = floor

    def forward(self, signal: Tensor, *, activate: bool = False) -> Tensor:
        """Return `(batch, channels, samples)`; `activate` applies GELU as well."""
        return ops.norm(signal, self.weight, self.bias, floor=self.floor, activate=activate)


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` in one pass through memory: the same chances, another stream of masks."""

    def forward(self, values: Tensor) -> Tensor:
        """Return values of the same shape."""
        return ops.dropout(values, self.p, self.training)


def variance_preserving_init_(layer: nn.Module, gain: float = 1.0) -> None:
    """Draw a linear map's weights so that its output is as large as its input; biases start at
    zero."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    fan_in = weight[0].numel()
    nn.init.normal_(weight, std=gain / math.sqrt(fan_in))
    if isinstance(layer.bias, Tensor):
        nn.init.zeros_(layer.bias)
