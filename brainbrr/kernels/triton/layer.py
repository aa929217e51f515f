"""A narrow residual layer of bidirectional Mamba-2 on a CUDA device, in Triton.

Norm, both directions, dropout and sum in two launches each way. Around its small operators a narrow
layer moves its activations through device memory dozens of times; here memory sees the layer's
input and output, and for training the state at every 64th frame. The same layer as
`native_layer`'s, and torch operators like it.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import (
    SUPPORTED_DTYPES,
    UnsupportedScanInput,
    learns,
    refuse_second_derivatives,
)
from brainbrr.kernels.c.block import BlockWeights
from brainbrr.kernels.triton import operator  # noqa: F401  # registers the operators

WIDEST_INNER, LARGEST_STATE = 32, 16
OLDEST_TRITON = (3, 2)


@cache
def fused_available() -> bool:
    """Whether a Triton that compiles the kernels is installed."""
    if find_spec("triton") is None:
        return False
    found = import_module("triton").__version__.split(".")
    return tuple(map(int, found[:2])) >= OLDEST_TRITON


def fused_can_take(inputs: Tensor, d_inner: int, d_state: int) -> bool:
    """Whether the fused layer can run: a CUDA device, Triton, and sizes that fit its registers."""
    narrow = max(inputs.shape[-1], d_inner) <= WIDEST_INNER and d_state <= LARGEST_STATE
    fits = narrow and inputs.is_cuda and inputs.dtype in SUPPORTED_DTYPES
    return fits and inputs.numel() > 0 and fused_available()


def fused_layer(
    inputs: Tensor,
    forwards: BlockWeights,
    backwards: BlockWeights,
    norm_weight: Tensor,
    norm_bias: Tensor,
    *,
    norm_eps: float,
    eps: float,
    dropout: float = 0.0,
) -> Tensor:
    """`x + dropout(forwards(norm(x)) + backwards(norm(x)))`, in two launches each way.

    States, decays and norms are float32 throughout. Matrix products are too where the input is,
    unless `torch.backends.cuda.matmul.allow_tf32` is set; with a bfloat16 input their operands are
    rounded to it, as autocast does, and with float16 to TF32. The dropout's mask is a function of a
    seed drawn on the device.

    Args:
        inputs: (batch, length, d_model), on a CUDA device.
        forwards: the block that reads from the first frame to the last.
        backwards: the block that reads from the last to the first.
        norm_weight, norm_bias: (d_model,), of the layer norm.
        norm_eps: of the layer norm.
        eps: of the blocks' RMSNorm.
        dropout: probability of dropping a number of the sum of the two directions, below 1.

    Returns:
        (batch, length, d_model). First derivatives reach the input and every weight, the same bits
        in each run on one device.

    Raises:
        NotOnCuda: the input lies elsewhere.
        UnsupportedScanInput: shapes that disagree, float64, second derivatives.
    """
    _check(inputs, forwards, backwards, dropout)
    seed = None
    if dropout:
        # Drawn where it is read: the host waits for nothing, and a CUDA graph draws anew.
        seed = torch.randint(2**62, (1,), device=inputs.device)
    weights = (*forwards, *backwards, norm_weight, norm_bias)
    keep = learns(inputs, *weights)
    output: Tensor = _FusedLayer.apply(  # type: ignore[no-untyped-call]
        inputs, norm_eps, eps, dropout, seed, keep, *weights
    )
    return output


class _FusedLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        norm_eps: float,
        eps: float,
        dropout: float,
        seed: Tensor | None,
        keep: bool,
        *weights: Tensor,
    ) -> Tensor:
        numbers = (norm_eps, eps, dropout)
        output, kept = torch.ops.brainbrr.fused_layer(inputs, list(weights), seed, *numbers, keep)
        ctx.numbers = numbers
        ctx.save_for_backward(inputs, kept, seed, *weights)
        return output

    @staticmethod
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        inputs, kept, seed, *weights = ctx.saved_tensors
        d_input, *grads = torch.ops.brainbrr.fused_layer_backward(
            d_output, inputs, kept, weights, seed, *ctx.numbers
        )
        return d_input, None, None, None, None, None, *grads


def _check(inputs: Tensor, forwards: BlockWeights, backwards: BlockWeights, dropout: float) -> None:
    """The kernels read what the shapes promise, so they are checked at the door."""
    sizes = [[None if w is None else tuple(w.shape) for w in d] for d in (forwards, backwards)]
    width = inputs.shape[-1]
    if sizes[0] != sizes[1] or forwards.in_proj is None or forwards.in_proj.shape[1] != width:
        raise UnsupportedScanInput(
            f"two directions of one size, with projections from {width} features",
            f"{sizes}",
            "Build both with the same numbers.",
        )
    d_inner = len(forwards.norm_weight)
    d_state = (len(forwards.conv_bias) - d_inner) // 2
    if max(width, d_inner) > WIDEST_INNER or d_state > LARGEST_STATE:
        raise UnsupportedScanInput(
            f"d_model and d_inner at most {WIDEST_INNER}, d_state at most {LARGEST_STATE}",
            f"{width}, {d_inner} and {d_state}",
            "Use model.scan=auto, which takes another way there.",
        )
    if not 0 <= dropout < 1:
        raise UnsupportedScanInput("0 <= dropout < 1", str(dropout), "Correct stream_dropout.")
    if inputs.dtype not in SUPPORTED_DTYPES:
        raise UnsupportedScanInput(
            "inputs in float32, float16 or bfloat16",
            str(inputs.dtype),
            "Choose model.scan=chunked for float64.",
        )
