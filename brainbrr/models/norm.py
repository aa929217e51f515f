"""Normalisation over channels that leaves the loudness of the EEG readable."""

import torch
from torch import Tensor, nn


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

    def forward(self, signal: Tensor) -> Tensor:
        """`(batch, channels, samples)` of the same shape."""
        # Squares of half precision overflow, so the statistic is taken in float32.
        power = signal.float().square().mean(1, keepdim=True)
        scale = torch.rsqrt(power + self.floor).to(signal.dtype)
        return signal * scale * self.weight[:, None] + self.bias[:, None]
