"""Mamba-2 (Dao and Gu 2024): a sequence layer whose memory decays at a rate it chooses per step.

Axes: inputs (batch, length, d_model); inside d_inner = expand x d_model = heads x headdim features,
    of which each has d_state numbers of memory; B and C (batch, length, d_state), dt (batch,
    length, heads).

          +--> z ----------------------------------> silu --+
    in ---+--> x, B, C --> convolution --> silu --> scan --> x --> RMSNorm --> out
          +--> dt --> softplus(dt + dt_bias) ---------^

Its arithmetic is `ops.mamba2`. Parameter names, initialization and state dict are mamba-ssm's, so
that one set of weights serves its CUDA kernels and every other form.
"""

import math

import torch
from torch import Tensor, nn

from brainbrr.errors import InvalidOption
from brainbrr.kernels import ops
from brainbrr.kernels.reference import BlockWeights, Scan

NORM_EPS = 1e-5


def check_shape(d_model: int, expand: int, headdim: int, d_conv: int) -> None:
    """Refuse sizes that would run on a CPU and fail on a GPU.

    Raises:
        InvalidOption: heads do not divide the inner width, their number is no multiple of 8, or
            d_conv is not 2, 3 or 4.
    """
    d_inner = d_model * expand
    if d_inner % headdim or (d_inner // headdim) % 8:
        fitting = [size for size in range(1, d_inner + 1) if d_inner % (8 * size) == 0]
        raise InvalidOption(
            f"d_model * expand / headdim = {d_inner} / headdim to be a multiple of 8",
            f"headdim {headdim}",
            f"Use headdim {' or '.join(map(str, fitting[-3:]))}."
            if fitting
            else "Make d_model * expand a multiple of 8.",
        )
    if d_conv not in (2, 3, 4):
        raise InvalidOption("d_conv 2, 3 or 4", str(d_conv), "causal-conv1d has no other width.")


class Mamba2(nn.Module):
    """One direction of Mamba-2 with a single group.

    Args:
        d_model: features in and out.
        d_state: size of the memory of each feature.
        d_conv: taps of the short causal convolution; 2, 3 or 4.
        expand: inner width as a multiple of `d_model`.
        headdim: features that share one decay.
        scan: how the recurrence is computed; see `ops.select_scan`.

    Raises:
        InvalidOption: sizes the kernels cannot take.
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
        self.scan: str | Scan = ops.select_scan(scan)
        # One product for the gate z, the scan's x, B and C, and the step sizes dt, in this order.
        self.in_proj = nn.Linear(d_model, d_inner + channels + heads, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, d_conv, groups=channels, padding=d_conv - 1)
        self.dt_bias = nn.Parameter(_initial_dt_bias(heads))
        # Rates from 1 to 16: with the step sizes above, memories of a few frames to a few thousand.
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = GatedNorm(d_inner)
        self.out_proj = nn.Linear(d_inner, d_model, bias=False)
        # Decay towards zero would pull rates and step sizes to one arbitrary value each.
        for parameter in (self.dt_bias, self.A_log, self.D):
            parameter._no_weight_decay = True  # type: ignore[attr-defined]

    def forward(self, inputs: Tensor, *, reverse: bool = False) -> Tensor:
        """Return features of the same shape, each step having seen itself and what came before.

        Args:
            inputs: `(batch, length, d_model)`.
            reverse: run from the last step to the first.
        """
        return ops.mamba2(inputs, self.weights(), eps=NORM_EPS, reverse=reverse, scan=self.scan)

    def weights(self) -> BlockWeights:
        """Return the parameters as the kernels take them."""
        assert self.conv1d.bias is not None
        # The logarithm keeps A negative whatever a step of the optimizer does, so no memory can
        # grow. Its exponential is taken in float32, as it stands in an exponent again.
        log = self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32))
        return BlockWeights(
            in_proj=self.in_proj.weight,
            conv_weight=self.conv1d.weight,
            conv_bias=self.conv1d.bias,
            dt_bias=self.dt_bias,
            A=-torch.exp(log),
            D=self.D,
            norm_weight=self.norm.weight,
            out_proj=self.out_proj.weight,
        )


class GatedNorm(nn.Module):
    """Holds the weight of the gated root-mean-square norm under mamba-ssm's name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


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
        """Return features of the same shape, each step having seen the whole sequence."""
        out: Tensor = self.forwards(inputs) + self.backwards(inputs, reverse=True)
        return out


def _initial_dt_bias(
    heads: int, dt_min: float = 1e-3, dt_max: float = 0.1, dt_floor: float = 1e-4
) -> Tensor:
    """Return the inverse softplus of step sizes drawn log-uniformly, as mamba-ssm does."""
    dt = torch.exp(
        torch.rand(heads) * (math.log(dt_max) - math.log(dt_min)) + math.log(dt_min)
    ).clamp(min=dt_floor)
    # softplus(this) = dt, in the form that does not round small steps to nothing.
    return dt + torch.log(-torch.expm1(-dt))
