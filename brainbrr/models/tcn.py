"""Temporal convolution encoder: raw EEG to slow, rich features.

Axes: signal (batch, channels, samples); each stage halves the samples and widens the channels, so
    V3 goes (B, 19, 15360) -> (B, 64, 7680) -> (B, 128, 3840) -> (B, 256, 1920) -> (B, 512, 960).
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from brainbrr.errors import InvalidOption
from brainbrr.models.layers import ChannelNorm, Dropout, variance_preserving_init_


class ResidualConvolution(nn.Module):
    """Norm, activation, dilated convolution, added to what came in.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        kernel: odd number of taps.
        dilation: samples between taps.
        stride: 2 halves the samples, 1 keeps them.
        dropout: probability of dropping a value of the branch.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        kernel: int,
        dilation: int = 1,
        stride: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels_in)
        self.convolution = nn.Conv1d(
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            dilation=dilation,
            padding=dilation * (kernel - 1) // 2,
        )
        keeps_width = channels_in == channels_out
        self.skip = (
            nn.Identity() if keeps_width else nn.Conv1d(channels_in, channels_out, 1, bias=False)
        )
        self.dropout = Dropout(dropout)
        self.stride = stride
        variance_preserving_init_(self.convolution, gain=math.sqrt(2.0))
        if not keeps_width:
            variance_preserving_init_(self.skip)

    def forward(self, signal: Tensor) -> Tensor:
        """Return `(batch, channels_out, samples / stride)`."""
        branch = self.dropout(self.convolution(self.norm(signal, activate=True)))
        out: Tensor = self._pass_by(signal) + branch
        return out

    def _pass_by(self, signal: Tensor) -> Tensor:
        """Return the mean of each `stride` samples through the skip."""
        # As a sum of slices: torch pools on a CPU ten times slower.
        if self.stride > 1:
            slices = [signal[..., i :: self.stride] for i in range(self.stride)]
            signal = functools.reduce(torch.add, slices) / self.stride
        out: Tensor = self.skip(signal)
        return out


class Encoder(nn.Module):
    """Four stages of two residual layers, the first of each halving the rate before it widens.

    Downsampling before widening is what makes the encoder affordable: at the full rate the same
    layers would be nine tenths of the network's arithmetic.

    Args:
        channels_in: 19 electrodes, or 1 if each electrode is encoded by itself.
        channels: width of each stage; the number of stages sets the total stride, `2 **
            len(channels)`.
        kernel: odd number of taps of each convolution.
        dilations: dilation of each stage's second layer.
        dropout: probability in each residual branch.

    Raises:
        InvalidOption: widths and dilations differ in number, or the kernel is even.
    """

    def __init__(
        self,
        channels_in: int,
        *,
        channels: Sequence[int],
        kernel: int,
        dilations: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        if len(channels) != len(dilations) or kernel % 2 == 0:
            raise InvalidOption(
                "one dilation for each stage and an odd kernel",
                f"{len(channels)} widths, {len(dilations)} dilations, kernel {kernel}",
                "Give encoder_channels and encoder_dilations the same length.",
            )
        # The first layer sees the signal itself: its biases against the raw amplitude are what
        # encode loudness.
        self.stem = nn.Conv1d(channels_in, channels[0], kernel, stride=2, padding=kernel // 2)
        variance_preserving_init_(self.stem)
        self.stages = nn.ModuleList()
        before = channels[0]
        for index, (width, dilation) in enumerate(zip(channels, dilations, strict=True)):
            layers = [
                ResidualConvolution(width, width, kernel=kernel, dilation=dilation, dropout=dropout)
            ]
            if index > 0:
                entry = ResidualConvolution(before, width, kernel=kernel, stride=2, dropout=dropout)
                layers.insert(0, entry)
            self.stages.append(nn.Sequential(*layers))
            before = width
        self.norm = ChannelNorm(before)

    def forward(self, signal: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return features at the lowest rate, and each earlier stage's output from fast to slow."""
        stages = []
        signal = self.stem(signal)
        for stage in self.stages:
            signal = stage(signal)
            stages.append(signal)
        return self.norm(signal), stages[:-1]
