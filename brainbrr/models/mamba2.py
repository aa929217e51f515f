"""Mamba-2: a sequence layer whose memory decays at a rate it chooses at each step.

Axes: (batch, length, d_model). Parameter names, initialisation and state dict are mamba-ssm's, so
    that one set of weights serves its CUDA kernels and the plain torch forms.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.errors import BrainbrrError
from brainbrr.kernels.c.binding import native_scan
from brainbrr.kernels.c.block import BlockWeights, native_block
from brainbrr.kernels.c.layer import native_layer
from brainbrr.kernels.mamba_ssm import kernel_convolution, kernel_scan
from brainbrr.kernels.scan import Scan, fused, resolve, select_scan
from brainbrr.kernels.tracing import is_tracing
from brainbrr.kernels.triton.layer import fused_can_take, fused_layer

NORM_EPS = 1e-5


class MambaShape(BrainbrrError):
    """Sizes that Mamba-2, or its CUDA kernels, cannot take."""


def check_shape(d_model: int, expand: int, headdim: int, d_conv: int) -> None:
    """Refuse sizes that would run on a CPU and fail on a GPU.

    Raises:
        MambaShape: heads do not divide the inner width, their number is no multiple of 8, or d_conv
            is not 2, 3 or 4.
    """
    d_inner = d_model * expand
    if d_inner % headdim or (d_inner // headdim) % 8:
        fitting = [size for size in range(1, d_inner + 1) if d_inner % (8 * size) == 0]
        raise MambaShape(
            f"d_model * expand / headdim = {d_inner} / headdim to be a multiple of 8",
            f"headdim {headdim}",
            f"Use headdim {' or '.join(map(str, fitting[-3:]))}."
            if fitting
            else "Make d_model * expand a multiple of 8.",
        )
    if d_conv not in (2, 3, 4):
        raise MambaShape("d_conv 2, 3 or 4", str(d_conv), "causal-conv1d has no other width.")


class Mamba2(nn.Module):
    """One direction of Mamba-2 with a single group.

    Args:
        d_model: features in and out.
        d_state: size of the memory of each feature.
        d_conv: taps of the short causal convolution; 2, 3 or 4.
        expand: inner width as a multiple of `d_model`.
        headdim: features that share one decay.
        scan: how the recurrence is computed; see `brainbrr.kernels.scan.select_scan`.

    Raises:
        MambaShape: sizes the kernels cannot take.
    """

    def __init__(
        self,
        d_model: int,
        *,
        d_state: int,
        headdim: int,
        d_conv: int = 4,
        expand: int = 2,
        scan: str = "auto",
    ) -> None:
        super().__init__()
        check_shape(d_model, expand, headdim, d_conv)
        d_inner = d_model * expand
        heads = d_inner // headdim
        channels = d_inner + 2 * d_state
        self.scan = select_scan(scan)
        self.in_proj = nn.Linear(d_model, d_inner + channels + heads, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, d_conv, groups=channels, padding=d_conv - 1)
        self.dt_bias = nn.Parameter(_initial_dt_bias(heads))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = GatedNorm(d_inner)
        self.out_proj = nn.Linear(d_inner, d_model, bias=False)
        for parameter in (self.dt_bias, self.A_log, self.D):
            parameter._no_weight_decay = True  # type: ignore[attr-defined]

    def forward(self, inputs: Tensor, *, reverse: bool = False) -> Tensor:
        """Features of the same shape, each step having seen itself and what came before.

        Args:
            inputs: `(batch, length, d_model)`.
            reverse: run from the last step to the first.
        """
        scan = resolve(self.scan, inputs)
        if scan is native_scan:
            return self._run_native(inputs, reverse)
        ordered = inputs.flip(1) if reverse else inputs
        assert self.conv1d.bias is not None
        inner = mix(
            self.in_proj(ordered),
            self.conv1d.weight,
            self.conv1d.bias,
            self.dt_bias,
            self.A_log,
            self.D,
            self.norm.weight,
            scan=scan,
        )
        out: Tensor = self.out_proj(inner)
        return out.flip(1) if reverse else out

    def _run_native(self, inputs: Tensor, reverse: bool) -> Tensor:
        """The whole block in one pass through memory."""
        return native_block(inputs, self.block_weights(), eps=NORM_EPS, reverse=reverse)

    def block_weights(self) -> BlockWeights:
        """The parameters as the fused kernels take them."""
        assert self.conv1d.bias is not None
        return BlockWeights(
            in_proj=self.in_proj.weight,
            conv_weight=self.conv1d.weight,
            conv_bias=self.conv1d.bias,
            dt_bias=self.dt_bias,
            A=-torch.exp(self.A_log),
            D=self.D,
            norm_weight=self.norm.weight,
            out_proj=self.out_proj.weight,
        )


class GatedNorm(nn.Module):
    """Holds the weight of the gated root-mean-square norm under mamba-ssm's name; `mix` applies
    it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


def mix(
    projected: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    dt_bias: Tensor,
    A_log: Tensor,
    D: Tensor,
    norm_weight: Tensor,
    *,
    scan: Scan,
) -> Tensor:
    """Everything of Mamba-2 between its two projections: convolution, SiLU, scan, gate and norm.

    Args:
        projected: `(batch, length, 2 d_inner + 2 d_state + heads)`: gate, x, B, C, dt.
        conv_weight: `(d_inner + 2 d_state, 1, d_conv)`.
        conv_bias: `(d_inner + 2 d_state,)`.
        dt_bias: `(heads,)`, added to dt before the softplus.
        A_log: `(heads,)`, the logarithm of the decay rates.
        D: `(heads,)`, what passes by the state.
        norm_weight: `(d_inner,)`.
        scan: how the recurrence is computed.

    Returns:
        `(batch, length, d_inner)` in the type of `projected`.
    """
    d_inner, heads = norm_weight.shape[0], A_log.shape[0]
    channels = conv_weight.shape[0]
    d_state = (channels - d_inner) // 2
    gate, xbc, dt = torch.split(projected, [d_inner, channels, heads], -1)
    xbc = convolve(xbc, conv_weight, conv_bias, scan)
    x, B, C = torch.split(xbc, [d_inner, d_state, d_state], -1)
    dtype = torch.promote_types(projected.dtype, torch.float32)
    step = F.softplus(dt.to(dtype) + dt_bias.to(dtype))
    y, _ = scan(
        x.reshape(*x.shape[:-1], heads, d_inner // heads),
        step,
        -torch.exp(A_log.to(dtype)),
        B.unsqueeze(2),
        C.unsqueeze(2),
        D,
    )
    return gated_norm(y.flatten(-2), gate, norm_weight)


def convolve(inputs: Tensor, weight: Tensor, bias: Tensor, scan: Scan) -> Tensor:
    """Causal depthwise convolution and SiLU over `(batch, length, channels)`."""
    if scan is kernel_scan and (fused := kernel_convolution(inputs, weight, bias)) is not None:
        return fused
    out = F.conv1d(
        inputs.transpose(1, 2), weight, bias, padding=weight.shape[-1] - 1, groups=weight.shape[0]
    )
    return F.silu(out[..., : inputs.shape[1]].transpose(1, 2))


def gated_norm(values: Tensor, gate: Tensor, weight: Tensor) -> Tensor:
    """Root-mean-square norm of the gated values, computed in float32."""
    dtype = torch.promote_types(values.dtype, torch.float32)
    gated = values.to(dtype) * F.silu(gate.to(dtype))
    scale = torch.rsqrt(gated.square().mean(-1, keepdim=True) + NORM_EPS)
    return (gated * scale * weight.to(dtype)).to(gate.dtype)


class BiMamba2(nn.Module):
    """Mamba-2 in both directions of time, added; each direction has its own weights."""

    def __init__(
        self,
        d_model: int,
        *,
        d_state: int,
        headdim: int,
        d_conv: int = 4,
        expand: int = 2,
        scan: str = "auto",
    ) -> None:
        super().__init__()
        self.forwards, self.backwards = (
            Mamba2(
                d_model,
                d_state=d_state,
                headdim=headdim,
                d_conv=d_conv,
                expand=expand,
                scan=scan,
            )
            for _ in range(2)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of the same shape, each step having seen the whole sequence."""
        out: Tensor = self.forwards(inputs) + self.backwards(inputs, reverse=True)
        return out

    def is_fused(self, inputs: Tensor) -> bool:
        """Whether `residual` can run on these inputs."""
        scan = resolve(self.forwards.scan, inputs, as_operator=True)
        return scan is native_scan or self._is_fused_on_cuda(inputs)

    def _is_fused_on_cuda(self, inputs: Tensor) -> bool:
        """Whether a narrow layer takes our own kernels, which only `fused` means."""
        block = self.forwards
        d_inner = block.norm.weight.shape[0]
        d_state = (block.conv1d.in_channels - d_inner) // 2
        wanted = block.scan is fused and not is_tracing()
        return wanted and fused_can_take(inputs, d_inner, d_state)

    def residual(self, inputs: Tensor, norm: nn.LayerNorm, dropout: float) -> Tensor:
        """`x + dropout(self(norm(x)))` in one pass through memory."""
        layer = fused_layer if self._is_fused_on_cuda(inputs) else native_layer
        return layer(
            inputs,
            self.forwards.block_weights(),
            self.backwards.block_weights(),
            norm.weight,
            norm.bias,
            norm_eps=norm.eps,
            eps=NORM_EPS,
            dropout=dropout,
        )


def _initial_dt_bias(
    heads: int, dt_min: float = 1e-3, dt_max: float = 0.1, dt_floor: float = 1e-4
) -> Tensor:
    """The inverse softplus of step sizes drawn log-uniformly, as mamba-ssm does."""
    dt = torch.exp(
        torch.rand(heads) * (math.log(dt_max) - math.log(dt_min)) + math.log(dt_min)
    ).clamp(min=dt_floor)
    return dt + torch.log(-torch.expm1(-dt))
