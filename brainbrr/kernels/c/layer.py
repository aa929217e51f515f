"""A residual layer of bidirectional Mamba-2 on the processor, in C.

Norm, both directions, dropout and sum in one pass over each sequence.

Around its two blocks a narrow layer moves as much memory as within them; here memory sees the
layer's input and output. Registered as torch operators with shape functions and a derivative, so
that torch.compile keeps each pass as one operator of its graph where it cannot see C.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import (
    UnsupportedScanInput,
    address,
    call,
    learns,
    native_library,
    packed,
    refuse_second_derivatives,
    register_shapes,
)
from brainbrr.kernels.c.block import BlockShape, BlockWeights, block_shape, check_block

N_WEIGHTS = len(BlockWeights._fields)

Numbers = tuple[float, float, float]
"""Epsilon of the layer norm and of the blocks, and the probability of dropout."""

_library: Any = torch.library.Library("brainbrr", "DEF")  # type: ignore[no-untyped-call]
_library.define(
    "layer(Tensor x, Tensor[] weights, Tensor? seed, float norm_eps, float eps, float dropout,"
    " bool keep) -> (Tensor, Tensor)"
)
_library.define(
    "layer_backward(Tensor d_output, Tensor x, Tensor kept, Tensor[] weights, Tensor? seed,"
    " float norm_eps, float eps, float dropout) -> Tensor[]"
)


class LayerShape(ctypes.Structure):
    """`layer_shape` of native/layer.c."""

    _fields_ = [
        ("block", BlockShape),
        ("norm_eps", ctypes.c_double),
        ("dropout", ctypes.c_double),
        ("seed", ctypes.c_int64),
    ]


def native_layer(
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
    """`x + dropout(forwards(norm(x)) + backwards(norm(x)))`, in one pass through memory each way.

    Half precision is computed in float32; the result comes back in the input's type. The dropout's
    mask is a function of a seed, which torch's generator gives: nothing is stored for it.

    Args:
        inputs: (batch, length, d_model), on the CPU.
        forwards: the block that reads from the first frame to the last.
        backwards: the block that reads from the last to the first.
        norm_weight, norm_bias: (d_model,), of the layer norm.
        norm_eps: of the layer norm.
        eps: of the blocks' RMSNorm.
        dropout: probability of dropping a number of the sum of the two directions, below 1.

    Returns:
        (batch, length, d_model). First derivatives reach the input and every weight.

    Raises:
        UnsupportedScanInput: shapes that disagree, another device, float64, second derivatives.
        NativeKernelsUnavailable: no compiler; ask `native_can_take` first.
    """
    _check(inputs, forwards, backwards, norm_weight, norm_bias, dropout)
    parts = (*forwards, *backwards, norm_weight, norm_bias)
    weights = [part for part in parts if part is not None]
    # A tensor, not its number: a compiler would have to stop for the number.
    seed = torch.randint(2**62, ()) if dropout else None
    keep = learns(inputs, *weights)
    numbers = (norm_eps, eps, dropout)
    outputs: tuple[Tensor, Tensor] = torch.ops.brainbrr.layer(inputs, weights, seed, *numbers, keep)
    return outputs[0]


class _NativeLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        seed: Tensor | None,
        numbers: Numbers,
        keep: bool,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        with torch._C._AutoDispatchBelowAutograd():
            output, kept = torch.ops.brainbrr.layer(inputs, list(weights), seed, *numbers, keep)
        ctx.numbers = numbers
        # Else the way back would be handed zeros as large as what is kept.
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(kept)
        ctx.save_for_backward(inputs, kept, seed, *weights)
        return output, kept

    @staticmethod
    def backward(ctx: Any, d_output: Tensor | None, _: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        inputs, kept, seed, *weights = ctx.saved_tensors
        if d_output is None:
            return (None,) * (4 + len(weights))
        d_input, *grads = torch.ops.brainbrr.layer_backward(
            d_output, inputs, kept, weights, seed, *ctx.numbers
        )
        return d_input, None, None, None, *grads


def _layer_with_derivative(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    outputs: tuple[Tensor, Tensor] = _NativeLayer.apply(  # type: ignore[no-untyped-call]
        x, seed, (norm_eps, eps, dropout), keep, *weights
    )
    return outputs


def _layer(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    library = native_library()
    rows, parts = packed(x, 1, _row_type(x)), [packed(w, w.ndim) for w in weights]
    shape = _shape(rows, parts, seed, norm_eps, eps, dropout)
    kept = torch.empty(x.shape[0], _kept_floats(x, parts) if keep else 0)
    output = torch.empty(rows.shape, dtype=rows.dtype)
    call(
        library.brainbrr_layer_forward,
        *(ctypes.byref(shape), _addresses(parts)),
        *(address(rows), address(output), address(kept if keep else None)),
    )
    return output.to(x.dtype), kept


def _layer_backward(
    d_output: Tensor,
    x: Tensor,
    kept: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
) -> list[Tensor]:
    rows, parts = packed(x, 1, _row_type(x)), [packed(w, w.ndim) for w in weights]
    shape = _shape(rows, parts, seed, norm_eps, eps, dropout)
    d_rows = packed(d_output, 3, rows.dtype)
    d_input = torch.empty(rows.shape, dtype=rows.dtype)
    grads = [torch.empty(part.shape) for part in parts]
    call(
        native_library().brainbrr_layer_backward,
        *(ctypes.byref(shape), _addresses(parts), address(rows), address(kept)),
        *(address(d_rows), address(d_input), _addresses(grads)),
    )
    return [g.to(t.dtype) for g, t in zip((d_input, *grads), (x, *weights), strict=True)]


def _layer_shapes(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    n_kept = _kept_floats(x, weights) if keep else 0
    return x.new_empty(x.shape), x.new_empty((x.shape[0], n_kept), dtype=torch.float32)


def gradient_shapes(
    d_output: Tensor, x: Tensor, kept: Tensor, weights: list[Tensor], *_: Any
) -> list[Tensor]:
    """What a compiler needs to know of a layer's way back, in C or in Triton."""
    return [t.new_empty(t.shape) for t in (x, *weights)]


_library.impl("layer", _layer, "CPU")
_library.impl("layer_backward", _layer_backward, "CPU")
_library.impl("layer", _layer_with_derivative, "Autograd")
register_shapes("layer", _layer_shapes)
register_shapes("layer_backward", gradient_shapes)


def _row_type(x: Tensor) -> torch.dtype:
    return torch.bfloat16 if x.dtype == torch.bfloat16 else torch.float32


def _addresses(tensors: list[Tensor]) -> Any:
    """A C array of pointers, which is also a struct of them."""
    return (ctypes.c_void_p * len(tensors))(*(address(tensor) for tensor in tensors))


def _kept_floats(x: Tensor, weights: list[Tensor]) -> int:
    """Numbers that C keeps of one sequence for the way back; how many sequences may stay open."""
    one = torch.empty(1, int(x.shape[1]), int(x.shape[2]), dtype=_row_type(x), device="meta")
    shape = _shape(one, weights, None, 0.0, 0.0, 0.0)
    return int(native_library().brainbrr_layer_kept_floats(ctypes.byref(shape)))


def _shape(
    rows: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
) -> LayerShape:
    block = block_shape(rows, weights[:N_WEIGHTS], eps, reverse=False)
    return LayerShape(block, norm_eps, dropout, 0 if seed is None else int(seed))


def _check(
    inputs: Tensor,
    forwards: BlockWeights,
    backwards: BlockWeights,
    norm_weight: Tensor,
    norm_bias: Tensor,
    dropout: float,
) -> None:
    """C reads what the shapes promise, so they are checked at the door."""
    for weights in (forwards, backwards):
        check_block(inputs, weights)
    width = (inputs.shape[-1],)
    if forwards.in_proj is None or norm_weight.shape != width or norm_bias.shape != width:
        raise UnsupportedScanInput(
            f"blocks with projections, norm weight and bias {width}",
            f"{tuple(norm_weight.shape)}, {tuple(norm_bias.shape)}",
            "Use a layer norm over the features.",
        )
    if [w.shape for w in forwards if w is not None] != [
        w.shape for w in backwards if w is not None
    ]:
        raise UnsupportedScanInput(
            "two directions of one size", "two sizes", "Build both with the same numbers."
        )
    if not 0 <= dropout < 1:
        raise UnsupportedScanInput("0 <= dropout < 1", str(dropout), "Correct stream_dropout.")
