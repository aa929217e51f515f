"""From EEG to features of each electrode at each frame, and back to one stream.

Axes: eeg (batch, electrodes, samples), observed (batch, electrodes), nodes (batch, electrodes,
    frames, features), trunk (batch, channels, frames).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.kernels.precision import full_precision
from brainbrr.models.layers import variance_preserving_init_
from brainbrr.models.tcn import Encoder


class Front(NamedTuple):
    """What the encoder gives to the rest of the network."""

    nodes: Tensor
    trunk: Tensor
    stages: list[Tensor]


class AbsentElectrodes(nn.Module):
    """Replaces an absent electrode's samples by a learned value of its own.

    An encoder that mixes electrodes can then tell "not recorded" from "recorded and flat".
    """

    def __init__(self, n_electrodes: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(n_electrodes))

    def forward(self, eeg: Tensor, observed: Tensor) -> Tensor:
        """Return EEG of the same shape, whatever absent electrodes held."""
        return torch.where(observed[..., None], eeg, self.value.to(eeg.dtype)[:, None])


class MixedFront(nn.Module):
    """One encoder over all electrodes, whose features are then distributed to the electrodes.

    Args:
        encoder: takes `(batch, electrodes, samples)`.
        channels: width of the encoder's output.
        n_electrodes: electrodes of the montage.
        features: features of each electrode.
    """

    def __init__(self, encoder: Encoder, channels: int, n_electrodes: int, features: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.absent = AbsentElectrodes(n_electrodes)
        self.to_electrodes = nn.Conv1d(channels, n_electrodes * features, 1)
        variance_preserving_init_(self.to_electrodes)
        self.n_electrodes = n_electrodes

    def forward(self, eeg: Tensor, observed: Tensor) -> Front:
        """Return features of each electrode, the encoder's own output, and its faster stages."""
        trunk, stages = self.encoder(self.absent(eeg, observed))
        nodes = self.to_electrodes(trunk).unflatten(1, (self.n_electrodes, -1))
        return Front(nodes.transpose(2, 3), trunk, stages)


class MixedMerge(nn.Module):
    """All electrodes' features into one stream, added to the encoder's output; absent electrodes
    add nothing."""

    def __init__(self, channels: int, n_electrodes: int, features: int) -> None:
        super().__init__()
        self.from_electrodes = nn.Conv1d(n_electrodes * features, channels, 1)
        variance_preserving_init_(self.from_electrodes)

    def forward(self, nodes: Tensor, trunk: Tensor, observed: Tensor) -> Tensor:
        """Return `(batch, channels, frames)`."""
        # Scaled by the fraction that was observed, as dropout is, so that few electrodes are not
        # a faint signal.
        fraction = observed.to(nodes.dtype).mean(-1)[:, None, None]
        present = torch.where(observed[:, :, None, None], nodes, 0.0)
        flat = present.transpose(2, 3).flatten(1, 2)
        out: Tensor = trunk + self.from_electrodes(flat / fraction)
        return out


class ElectrodeFront(nn.Module):
    """One small encoder that every electrode passes through alone, so that a graph node is an
    electrode."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, eeg: Tensor, observed: Tensor) -> Front:
        """Return features of each electrode, and their mean and maximum over the observed ones."""
        encoded, _ = self.encoder(eeg.flatten(0, 1)[:, None])
        encoded = encoded.unflatten(0, eeg.shape[:2])
        return Front(encoded.transpose(2, 3), torch.cat(pool(encoded, observed), 1), [])


class ElectrodeMerge(nn.Module):
    """Mean and maximum over the observed electrodes, so that the order of electrodes does not
    matter."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.from_pooled = nn.Conv1d(4 * features, channels, 1)
        variance_preserving_init_(self.from_pooled)

    def forward(self, nodes: Tensor, trunk: Tensor, observed: Tensor) -> Tensor:
        """Return `(batch, channels, frames)`."""
        pooled = torch.cat(pool(nodes, observed), -1).transpose(1, 2)
        out: Tensor = self.from_pooled(torch.cat([trunk, pooled], 1))
        return out


def pool(features: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and maximum over the observed electrodes, `(batch, ...)` each of
    `(batch, electrodes, ...)`."""
    mask = observed[:, :, None, None]
    mean = torch.where(mask, features, 0.0).sum(1) / observed.sum(-1)[:, None, None]
    highest = torch.where(mask, features, -torch.inf).amax(1)
    return mean, highest


def cosine_similarity(nodes: Tensor) -> Tensor:
    """Return how alike the electrodes' features are at each frame, `(batch, frames, electrodes,
    electrodes)`, in -1..1."""
    with full_precision(nodes):
        # Frame by frame in memory: otherwise each of the small products copies its matrices first.
        by_frame = nodes.float().transpose(1, 2).contiguous()
        unit = F.normalize(by_frame, dim=-1, eps=1e-6)
        return unit @ unit.transpose(-1, -2)
