"""From EEG to features of each electrode at each frame, and back to one stream.

Axes: eeg (batch, electrodes, samples), observed (batch, electrodes), nodes (batch, electrodes,
    frames, features), trunk (batch, channels, frames).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.kernels.precision import full_precision
from brainbrr.models.tcn import Encoder, keep_variance_


class Front(NamedTuple):
    """What the encoder hands on."""

    nodes: Tensor
    trunk: Tensor
    stages: list[Tensor]


class AbsentElectrodes(nn.Module):
    """Replaces an absent electrode's samples by a learned value of its own.

    So an encoder that mixes electrodes can tell "not recorded" from "recorded and flat".
    """

    def __init__(self, n_electrodes: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(n_electrodes))

    def forward(self, eeg: Tensor, observed: Tensor) -> Tensor:
        """EEG of the same shape, whatever absent electrodes held."""
        return torch.where(observed[..., None], eeg, self.value.to(eeg.dtype)[:, None])


class MixedFront(nn.Module):
    """One encoder over all electrodes at once, whose features are then dealt out to the electrodes.

    Args:
        encoder: takes `(batch, electrodes, samples)`.
        channels: width of the encoder's output.
        n_electrodes: electrodes of the montage.
        features: features dealt to each electrode.
    """

    def __init__(self, encoder: Encoder, channels: int, n_electrodes: int, features: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.absent = AbsentElectrodes(n_electrodes)
        self.to_electrodes = nn.Conv1d(channels, n_electrodes * features, 1)
        keep_variance_(self.to_electrodes)
        self.n_electrodes = n_electrodes

    def forward(self, eeg: Tensor, observed: Tensor) -> Front:
        """Features of each electrode, the encoder's own output, and its faster stages."""
        trunk, stages = self.encoder(self.absent(eeg, observed))
        nodes = self.to_electrodes(trunk).unflatten(1, (self.n_electrodes, -1))
        return Front(nodes.transpose(2, 3), trunk, stages)


class MixedMerge(nn.Module):
    """All electrodes' features into one stream, beside what the encoder said; absent electrodes add
    nothing."""

    def __init__(self, channels: int, n_electrodes: int, features: int) -> None:
        super().__init__()
        self.from_electrodes = nn.Conv1d(n_electrodes * features, channels, 1)
        keep_variance_(self.from_electrodes)

    def forward(self, nodes: Tensor, trunk: Tensor, observed: Tensor) -> Tensor:
        """`(batch, channels, frames)`."""
        # Scaled by the share that was observed, as dropout is, so that few electrodes are not a
        # faint signal.
        share = observed.to(nodes.dtype).mean(-1)[:, None, None]
        present = torch.where(observed[:, :, None, None], nodes, 0.0)
        flat = present.transpose(2, 3).flatten(1, 2)
        out: Tensor = trunk + self.from_electrodes(flat / share)
        return out


class ElectrodeFront(nn.Module):
    """One small encoder that every electrode passes through alone, so that a graph node is an
    electrode."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, eeg: Tensor, observed: Tensor) -> Front:
        """Features of each electrode, and their mean and maximum over the observed ones."""
        encoded, _ = self.encoder(eeg.flatten(0, 1)[:, None])
        encoded = encoded.unflatten(0, eeg.shape[:2])
        return Front(encoded.transpose(2, 3), torch.cat(pool(encoded, observed), 1), [])


class ElectrodeMerge(nn.Module):
    """Mean and maximum over the observed electrodes, so that the order of electrodes does not
    matter."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.from_pooled = nn.Conv1d(4 * features, channels, 1)
        keep_variance_(self.from_pooled)

    def forward(self, nodes: Tensor, trunk: Tensor, observed: Tensor) -> Tensor:
        """`(batch, channels, frames)`."""
        pooled = torch.cat(pool(nodes, observed), -1).transpose(1, 2)
        out: Tensor = self.from_pooled(torch.cat([trunk, pooled], 1))
        return out


def pool(features: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and maximum over the observed electrodes, `(batch, ...)` each of
    `(batch, electrodes, ...)`."""
    there = observed[:, :, None, None]
    mean = torch.where(there, features, 0.0).sum(1) / observed.sum(-1)[:, None, None]
    highest = torch.where(there, features, -torch.inf).amax(1)
    return mean, highest


def cosine_similarity(nodes: Tensor) -> Tensor:
    """How alike the electrodes' features are at each frame, `(batch, frames, electrodes,
    electrodes)`, in -1..1."""
    with full_precision(nodes.device.type):
        # Frame by frame in memory: else each of the small products copies its matrices first.
        by_frame = nodes.float().transpose(1, 2).contiguous()
        unit = F.normalize(by_frame, dim=-1, eps=1e-6)
        return unit @ unit.transpose(-1, -2)
