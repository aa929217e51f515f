"""Normalisation over channels that leaves the loudness of the EEG readable."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.kernels.c.norm import can_take_norm, native_norm


class ChannelNorm(nn.Module):
    """Brings each sample's channels to a common scale, except where they are quiet already.

    The sum under the root has a floor of one: values of the order of one or less pass nearly
    unchanged and larger ones are brought down to it. A plain layer norm would erase amplitude,
    which is half of what tells a seizure; a norm over time would let one artefact dim a whole
    window. Each sample is normalised by itself, so a window's output depends on no neighbour.
    """

    def __init__(self, channels: int, floor: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.floor = floor

    def forward(self, signal: Tensor, *, activate: bool = False) -> Tensor:
        """`(batch, channels, samples)` of the same shape; `activate` applies GELU as well."""
        if self.weight.dtype == torch.float32 and can_take_norm(signal):
            return native_norm(signal, self.weight, self.bias, floor=self.floor, activate=activate)
        # Squares of half precision overflow, so all is done in float32 and rounded once.
        wide = signal.to(torch.promote_types(signal.dtype, torch.float32))
        scale = torch.rsqrt(wide.square().mean(1, keepdim=True) + self.floor)
        normed = wide * scale * self.weight[:, None] + self.bias[:, None]
        return (F.gelu(normed) if activate else normed).to(signal.dtype)
