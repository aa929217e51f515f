"""The earlier generation: a U-Net whose bottleneck is a deep stack of bidirectional Mamba-2.

Axes: eeg (batch, electrodes, samples), features (batch, channels, frames), logits (batch, samples).

    eeg --> encoder --> residuals --> stream --> decoder --> head --> logits
               +------- faster stages -------------^
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.models.decoder import Decoder, Head
from brainbrr.models.front import AbsentElectrodes
from brainbrr.models.input_checks import check_input
from brainbrr.models.layers import ChannelNorm, variance_preserving_init_
from brainbrr.models.sequence import SequenceStream
from brainbrr.models.tcn import Encoder
from brainbrr.signal.electrodes import N_ELECTRODES

KERNELS = (3, 5, 7)


class MultiKernelResidual(nn.Module):
    """Convolutions of three lengths side by side, joined and added to what came in."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        branch = channels // 4
        self.norm = ChannelNorm(channels)
        self.branches = nn.ModuleList(
            nn.Conv1d(channels, branch, kernel, padding=kernel // 2) for kernel in KERNELS
        )
        self.join = nn.Conv1d(branch * len(KERNELS), channels, 1)
        self.dropout = nn.Dropout(dropout)
        for convolution in (*self.branches, self.join):
            variance_preserving_init_(convolution)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        normed = self.norm(features, activate=True)
        branches = torch.cat([convolution(normed) for convolution in self.branches], 1)
        out: Tensor = features + self.dropout(self.join(F.gelu(branches)))
        return out


class UNetBiMamba(nn.Module):
    """A convolutional U-Net with Mamba-2 in its bottleneck: no electrodes, no graph.

    Args:
        encoder: EEG to features and faster stages.
        residuals: layers at the lowest rate, before the stream.
        stream: sequence layers at the lowest rate.
        decoder: features and faster stages back to full rate.
        head: full rate to logits.
        n_electrodes: electrodes of the montage.
        stride: samples in a frame.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        residuals: nn.Sequential,
        stream: SequenceStream,
        decoder: Decoder,
        head: Head,
        n_electrodes: int,
        stride: int,
    ) -> None:
        super().__init__()
        self.absent = AbsentElectrodes(n_electrodes)
        self.encoder = encoder
        self.residuals = residuals
        self.stream = stream
        self.decoder = decoder
        self.head = head
        self.n_electrodes = n_electrodes
        self.stride = stride

    def forward(self, eeg: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the log-odds of a seizure at each sample.

        Args:
            eeg: standardized EEG, `(batch, electrodes, samples)`; a multiple of the stride long.
            observed: `(batch, electrodes)` boolean; None if all were recorded.

        Returns:
            `(batch, samples)`, float32, within +-40.

        Raises:
            InvalidInput, NonFiniteInput: see `brainbrr.models.input_checks`.
        """
        observed = check_input(eeg, observed, self.n_electrodes, self.stride)
        features, stages = self.encoder(self.absent(eeg, observed))
        features = self.residuals(features).transpose(1, 2)
        features = self.stream(features).transpose(1, 2)
        logits: Tensor = self.head(self.decoder(features, stages))
        return logits


def unet_bimamba(
    *,
    encoder_channels: Sequence[int],
    encoder_kernel: int,
    encoder_dropout: float,
    residual_blocks: int,
    stream: str,
    stream_dropout: float,
    scan: str,
    recompute: bool,
    layers: int,
    d_state: int,
    d_conv: int,
    expand: int,
    headdim: int,
    decoder_channels: Sequence[int],
    prior: float,
) -> UNetBiMamba:
    """Build the earlier generation; each number is explained in `conf/model/unet_bimamba.yaml`.

    Raises:
        InvalidOption: unknown names, or numbers that contradict one another.
        Unavailable: a form of the scan that this machine does not have.
    """
    width = encoder_channels[-1]
    return UNetBiMamba(
        encoder=Encoder(
            N_ELECTRODES,
            channels=encoder_channels,
            kernel=encoder_kernel,
            dilations=[1] * len(encoder_channels),
            dropout=encoder_dropout,
        ),
        residuals=nn.Sequential(
            *(MultiKernelResidual(width, encoder_dropout) for _ in range(residual_blocks))
        ),
        stream=SequenceStream(
            stream,
            width,
            layers=layers,
            d_state=d_state,
            d_conv=d_conv,
            expand=expand,
            headdim=headdim,
            dropout=stream_dropout,
            scan=scan,
            recompute=recompute,
        ),
        decoder=Decoder([width, *decoder_channels], list(reversed(encoder_channels[:-1]))),
        head=Head(decoder_channels[-1], prior),
        n_electrodes=N_ELECTRODES,
        stride=2 ** len(encoder_channels),
    )
