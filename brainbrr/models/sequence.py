"""A stack of sequence layers over frames; Mamba-2 in both directions, or an ablation of it.

Axes: sequences (sequences, frames, features); each layer adds to what came in:
    x = x + dropout(layer(norm(x))), and a last norm.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from brainbrr.errors import InvalidOption
from brainbrr.kernels import ops
from brainbrr.models.mamba2 import NORM_EPS, BiMamba2

STREAMS = ("bimamba2", "bigru", "attention")
ROTARY_BASE = 10_000.0


class SequenceStream(nn.Module):
    """Pre-normed residual sequence layers and a last norm: bounded however deep.

    Args:
        kind: `bimamba2`, or `bigru` or `attention` as ablations.
        d_model: features of a frame.
        layers: number of layers.
        d_state: memory of each feature (Mamba-2).
        d_conv: taps of its short convolution (Mamba-2).
        expand: its inner width (Mamba-2).
        headdim: features that share a decay (Mamba-2) or make an attention head.
        dropout: probability in each residual branch.
        scan: how the recurrence is computed (Mamba-2).
        recompute: keep no inner activations but compute them again in the backward pass: less
            memory, more time.

    Raises:
        InvalidOption: no layer of that kind.
    """

    def __init__(
        self,
        kind: str,
        d_model: int,
        *,
        layers: int,
        d_state: int,
        headdim: int,
        d_conv: int = 4,
        expand: int = 2,
        dropout: float = 0.0,
        scan: str = "auto",
        recompute: bool = False,
    ) -> None:
        super().__init__()

        def layer() -> PreNorm:
            if kind == "bimamba2":
                mamba = BiMamba2(
                    d_model,
                    d_state=d_state,
                    headdim=headdim,
                    d_conv=d_conv,
                    expand=expand,
                    scan=scan,
                )
                return ResidualBiMamba2(d_model, mamba, dropout)
            if kind == "bigru":
                return PreNorm(d_model, BiGru(d_model), dropout)
            if kind == "attention":
                return PreNorm(d_model, RotaryAttention(d_model, headdim), dropout)
            raise InvalidOption(
                f"one of {', '.join(STREAMS)}", repr(kind), "Set model.stream to one of them."
            )

        self.layers = nn.ModuleList(layer() for _ in range(layers))
        self.norm = nn.LayerNorm(d_model)
        self.recompute = recompute

    def forward(self, sequences: Tensor, *, normed: bool = True) -> Tensor:
        """Return features of the same shape, each frame having seen the whole sequence.

        Args:
            sequences: `(sequences, frames, features)`.
            normed: False leaves the last norm to a reader that has it in its own pass.
        """
        for layer in self.layers:
            if self.recompute and self.training and torch.is_grad_enabled():
                sequences = checkpoint(layer, sequences, use_reentrant=False)
            else:
                sequences = layer(sequences)
        return self.norm(sequences) if normed else sequences


class PreNorm(nn.Module):
    """`x + dropout(layer(norm(x)))`."""

    def __init__(self, d_model: int, layer: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.layer = layer
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return features of the same shape."""
        out: Tensor = sequences + self.dropout(self.layer(self.norm(sequences)))
        return out


class ResidualBiMamba2(PreNorm):
    """`PreNorm` of Mamba-2 in both directions, as one operator if a kernel has it: most of its time
    is memory's. Other forms run part by part, each with its hooks."""

    layer: BiMamba2

    def forward(self, sequences: Tensor) -> Tensor:
        """Return features of the same shape."""
        out = ops.residual_bimamba(
            sequences,
            self.layer.forwards.weights(),
            self.layer.backwards.weights(),
            self.norm.weight,
            self.norm.bias,
            norm_eps=self.norm.eps,
            eps=NORM_EPS,
            dropout=self.dropout.p if self.training else 0.0,
            scan=self.layer.forwards.scan,
        )
        return super().forward(sequences) if out is None else out


class BiGru(nn.Module):
    """A gated recurrent layer in both directions, joined by a linear map."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gru = nn.GRU(d_model, d_model, batch_first=True, bidirectional=True)
        self.out_proj = nn.Linear(2 * d_model, d_model, bias=False)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return features of the same shape."""
        out: Tensor = self.out_proj(self.gru(sequences)[0])
        return out


class RotaryAttention(nn.Module):
    """Self-attention over all frames with rotary positions (Su et al. 2021)."""

    def __init__(self, d_model: int, headdim: int) -> None:
        super().__init__()
        if d_model % headdim or headdim % 2:
            raise InvalidOption(
                "an even headdim that divides d_model for attention",
                f"headdim {headdim}, d_model {d_model}",
                "Change the stream's headdim.",
            )
        self.headdim = headdim
        self.in_proj = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return features of the same shape."""
        heads = self.in_proj(sequences).unflatten(-1, (3, -1, self.headdim)).transpose(1, 3)
        query, key, value = heads.unbind(2)
        mixed = F.scaled_dot_product_attention(rotate(query), rotate(key), value)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(-2))
        return out


def rotate(heads: Tensor) -> Tensor:
    """Apply rotary position embedding over the frames."""
    frames, headdim = heads.shape[-2:]
    half = headdim // 2
    rate = ROTARY_BASE ** -(torch.arange(half, device=heads.device) / half)
    angle = torch.arange(frames, device=heads.device)[:, None] * rate
    cos, sin = angle.cos().to(heads.dtype), angle.sin().to(heads.dtype)
    first, second = heads[..., :half], heads[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
