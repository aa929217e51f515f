"""A whole Mamba-2 block on the processor, in C, one tile of one sequence at a time in cache.

Between its small operators a narrow block moves its activations through memory ten times over; here
memory sees the block's input and its output, and for training the state at every 32nd frame.
Parameters and order as in mamba-ssm's Mamba2 (ngroups 1, norm after the gate):
in_proj -> causal convolution, silu -> scan -> times silu(z) -> RMSNorm -> out_proj.
"""

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import (
    SUPPORTED_DTYPES,
    UnsupportedScanInput,
    address,
    call,
    native_library,
    packed,
    refuse_second_derivatives,
)

D_CONVS = (2, 3, 4)


class BlockWeights(NamedTuple):
    """Parameters as mamba-ssm shapes them; without both projections, the inner part only."""

    in_proj: Tensor | None  # (d_in_proj, d_model), rows [z | x | B | C | dt]
    conv_weight: Tensor  # (d_inner + 2 d_state, 1, d_conv)
    conv_bias: Tensor  # (d_inner + 2 d_state,)
    dt_bias: Tensor  # (heads,)
    A: Tensor  # (heads,), negative
    D: Tensor  # (heads,)
    norm_weight: Tensor  # (d_inner,)
    out_proj: Tensor | None  # (d_model, d_inner)


class BlockShape(ctypes.Structure):
    """`block_shape` of native/block.h: sizes, threads, direction, strides in floats, epsilon."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in (
                *("batch", "length", "d_model", "heads", "headdim", "d_state", "d_conv", "threads"),
                *("reverse", "input_batch", "input_frame", "half"),
            )
        ),
        ("eps", ctypes.c_double),
    ]


def native_block(
    inputs: Tensor, weights: BlockWeights, *, eps: float = 1e-5, reverse: bool = False
) -> Tensor:
    """Run one Mamba-2 block over time, in one pass through memory.

    Half precision is computed in float32; the result comes back in the input's type.

    Args:
        inputs: (batch, length, d_model); without projections `z xBC dt` (batch, length, d_in_proj).
        weights: all float32 or half precision, on the CPU.
        eps: of the RMSNorm.
        reverse: begin at the last frame; equal to flipping input and output, without the copies.

    Returns:
        (batch, length, d_model), or (batch, length, d_inner) without projections. First derivatives
        reach the input and every weight.

    Raises:
        UnsupportedScanInput: shapes that disagree, another device, float64, second derivatives.
        NativeKernelsUnavailable: no compiler; ask `native_can_take` first.
    """
    check_block(inputs, weights)
    output: Tensor = _NativeBlock.apply(inputs, eps, reverse, *weights)  # type: ignore[no-untyped-call]
    return output


class _NativeBlock(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, eps: float, reverse: bool, *weights: Tensor | None
    ) -> Tensor:
        library = native_library()
        rows = packed(inputs, 1)
        kept_weights = [None if w is None else packed(w, w.ndim) for w in weights]
        shape = block_shape(rows, kept_weights, eps, reverse)
        kept = None
        if any(ctx.needs_input_grad):
            kept = torch.empty(library.brainbrr_block_kept_floats(ctypes.byref(shape)))
        width = shape.d_model or shape.heads * shape.headdim
        output = torch.empty(*inputs.shape[:2], width)
        call(
            library.brainbrr_block_forward,
            *(ctypes.byref(shape), _addresses(kept_weights)),
            *(address(rows), address(output), address(kept)),
        )
        ctx.eps, ctx.reverse = eps, reverse
        ctx.dtypes = [None if t is None else t.dtype for t in (inputs, *weights)]
        ctx.save_for_backward(rows, kept, *kept_weights)
        return output.to(inputs.dtype)

    @staticmethod
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        rows, kept, *weights = ctx.saved_tensors
        shape = block_shape(rows, weights, ctx.eps, ctx.reverse)
        d_output = packed(d_output, 3)
        d_input = torch.empty(rows.shape)
        grads = [None if w is None else torch.empty(w.shape) for w in weights]
        call(
            native_library().brainbrr_block_backward,
            *(ctypes.byref(shape), _addresses(weights), address(rows), address(kept)),
            *(address(d_output), address(d_input), _addresses(grads)),
        )
        typed = [
            None if grad is None else grad.to(dtype)
            for grad, dtype in zip((d_input, *grads), ctx.dtypes, strict=True)
        ]
        return typed[0], None, None, *typed[1:]


def _addresses(tensors: list[Tensor | None]) -> Any:
    """A C array of pointers, which is also a struct of them."""
    return (ctypes.c_void_p * len(tensors))(*(address(t) for t in tensors))


def block_shape(rows: Tensor, parts: list[Any], eps: float, reverse: bool) -> BlockShape:
    """Sizes and strides for C, as read from the tensors."""
    weights = BlockWeights(*parts)
    heads, d_inner = len(weights.A), len(weights.norm_weight)
    return BlockShape(
        *rows.shape[:2],
        0 if weights.in_proj is None else rows.shape[2],
        heads,
        d_inner // heads,
        (len(weights.conv_bias) - d_inner) // 2,
        weights.conv_weight.shape[2],
        torch.get_num_threads(),
        reverse,
        *rows.stride()[:2],
        rows.dtype == torch.bfloat16,
        eps,
    )


def check_block(inputs: Tensor, weights: BlockWeights) -> None:
    """C reads what the shapes promise, so they are checked at the door."""
    d_inner, conv_dim, heads = (
        len(w) for w in (weights.norm_weight, weights.conv_weight, weights.A)
    )
    d_in_proj = d_inner + conv_dim + heads
    bare = weights.in_proj is None
    d_model = inputs.shape[-1]
    d_conv = weights.conv_weight.shape[-1]
    expected: dict[str, tuple[int, ...] | None] = {
        "in_proj": None if bare else (d_in_proj, d_model),
        "conv_weight": (conv_dim, 1, d_conv),
        "conv_bias": (conv_dim,),
        "dt_bias": (heads,),
        "A": (heads,),
        "D": (heads,),
        "norm_weight": (d_inner,),
        "out_proj": None if bare else (d_model, d_inner),
    }
    for (name, shape), weight in zip(expected.items(), weights, strict=True):
        if (None if weight is None else tuple(weight.shape)) != shape:
            got = None if weight is None else tuple(weight.shape)
            raise UnsupportedScanInput(
                f"{name} {shape}", f"{got}", "Shape it as mamba-ssm's Mamba2 does."
            )
    if inputs.ndim != 3 or (bare and d_model != d_in_proj):
        raise UnsupportedScanInput(
            f"inputs (batch, length, {d_in_proj if bare else 'd_model'})",
            f"{tuple(inputs.shape)}",
            "Give the block's input, or without projections what in_proj made of it.",
        )
    if (
        d_conv not in D_CONVS
        or not heads
        or d_inner % heads
        or (conv_dim - d_inner) % 2
        or conv_dim <= d_inner
    ):
        raise UnsupportedScanInput(
            f"d_conv in {D_CONVS}, d_inner a multiple of heads, conv_dim = d_inner + 2 d_state",
            f"d_conv {d_conv}, d_inner {d_inner}, heads {heads}, conv_dim {conv_dim}",
            "Shape the block as mamba-ssm's Mamba2 with ngroups 1 does.",
        )
    for name, tensor in (("inputs", inputs), *weights._asdict().items()):
        if tensor is None:
            continue
        if tensor.device.type != "cpu" or tensor.dtype not in SUPPORTED_DTYPES:
            raise UnsupportedScanInput(
                "tensors on the CPU in float32, float16 or bfloat16",
                f"{name} {tensor.dtype} on {tensor.device}",
                "Choose model.scan=chunked for other devices and for float64.",
            )
