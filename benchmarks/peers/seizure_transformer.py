"""SeizureTransformer (Wu et al. 2025), written anew from its published description, to be timed.

The one peer with this project's contract: 19 electrodes x 15,360 samples in, one number a sample
out. A U-Net of convolutions around residual blocks and a transformer. Its 41.0 million parameters
count one layer of 3.15 million that torch copies eight times and never runs itself.
Axes: (batch, channels, samples).
"""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = (32, 64, 128, 256, 512)
KERNELS_DOWN = (11, 9, 7, 7, 5)
KERNELS_UP = (3, 5, 5, 7, 7)
RESIDUAL_KERNELS = (3, 3, 3, 3, 2, 3, 2)
N_PARAMETERS = 41_001_281
GFLOP = 47.18
"""43.41 without attention's products of queries, keys and values."""


class SeizureTransformer(nn.Module):
    """Logits of the published network; its last sigmoid is left to the loss."""

    def __init__(self, n_electrodes=19, layers=8, heads=4, feed_forward=2048, dropout=0.1):
        super().__init__()
        width = WIDTHS[-1]
        self.down = convolutions((n_electrodes, *WIDTHS), KERNELS_DOWN)
        self.residual = nn.Sequential(
            *(ResidualBlock(width, kernel, dropout) for kernel in RESIDUAL_KERNELS)
        )
        self.dropout = nn.Dropout(dropout)
        self.copied = nn.TransformerEncoderLayer(
            width, heads, feed_forward, dropout, batch_first=True
        )
        self.transformer = nn.TransformerEncoder(self.copied, layers, enable_nested_tensor=False)
        self.up = convolutions((width, *reversed(WIDTHS)), KERNELS_UP)
        self.read = nn.Conv1d(WIDTHS[0], 1, 11, padding=5)

    def forward(self, eeg):
        """`(batch, samples)` from `(batch, electrodes, samples)`; samples a multiple of 32."""
        skips, features = [], eeg
        for convolution in self.down:
            features = F.elu(convolution(features))
            skips.append(features)
            features = F.max_pool1d(features, 2)
        features = self.residual(features)
        frames = features.transpose(1, 2)
        frames = self.dropout(frames + positions(frames.shape[1], frames.shape[2]))
        features = features + self.transformer(frames).transpose(1, 2)
        for convolution in self.up:
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = F.elu(convolution(features)) + skips.pop()
        return self.read(features).squeeze(1)


class ResidualBlock(nn.Module):
    """Two convolutions, each behind a batch norm, a rectifier and a dropout of whole channels."""

    def __init__(self, width, kernel, dropout):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, eps=1e-3) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, kernel) for _ in range(2))
        self.dropout = nn.Dropout1d(dropout)
        self.padding = ((kernel - 1) // 2, kernel // 2)

    def forward(self, features):
        branch = features
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            branch = self.dropout(F.relu(norm(branch)))
            branch = convolution(F.pad(branch, self.padding))
        return features + branch


def convolutions(widths, kernels):
    """Convolutions from each width to the next that keep the number of samples."""
    return nn.ModuleList(
        nn.Conv1d(wide, narrow, kernel, padding=kernel // 2)
        for (wide, narrow), kernel in zip(pairwise(widths), kernels, strict=True)
    )


def positions(frames, width):
    """The sines and cosines of Vaswani et al. 2017."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(frames)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
