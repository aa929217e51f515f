"""The operators that torch.compile may keep: both passes of the residual layer, and dropout.

A compiler reads the plain form of every other operator and makes it as fast. These two it could
not, so they stand in its graph as `torch.ops.brainbrr.NAME`: their schemas, their kernels by
device, their derivatives, and the shapes that a compiler needs to know without running them.
"""

import functools
import logging
from typing import Any

import torch
from torch import Tensor

from brainbrr.kernels.c import binding, operators
from brainbrr.kernels.tracing import (
    TELLS_EXPORT,
    is_tracing,
    keeps_operators,
    settled_before_tracing,
)
from brainbrr.kernels.triton import layer as triton

_log = logging.getLogger(__name__)
_library: Any = torch.library.Library("brainbrr", "DEF")  # type: ignore[no-untyped-call]


def c_as_operator(values: Tensor) -> bool:
    """Return whether C takes these values, by an operator that torch.compile may keep.

    Other tracers, torch.export above all, may not: their graph depends on no compiled library.
    Before torch 2.7 one looks like the other.
    """
    if values.device.type != "cpu" or values.dtype not in binding.FLOATS:
        return False
    return _stays_in_graph(keeps_operators()) if is_tracing() else binding.available()


@settled_before_tracing
def _stays_in_graph(operators_kept: bool) -> bool:
    """Return whether a graph keeps operators in C; they are loaded, and the choice logged,
    before."""
    return _c_in_graph() if operators_kept or not TELLS_EXPORT else False


@functools.cache
def _c_in_graph() -> bool:
    stays = TELLS_EXPORT and binding.available()
    _log.info("torch.compile on cpu: %s", "C kernels" if stays else "chunked scan")
    return stays


class _ResidualBimamba(torch.autograd.Function):
    """The derivative, with each pass as one operator: torch.compile keeps what it cannot read."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        seed: Tensor | None,
        numbers: tuple[float, float, float],
        keep: bool,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        with torch._C._AutoDispatchBelowAutograd():
            output, kept = torch.ops.brainbrr.residual_bimamba(
                inputs, list(weights), seed, *numbers, keep
            )
        ctx.numbers = numbers
        # Without this the backward pass would be handed zeros as large as what is kept.
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(kept)
        ctx.save_for_backward(inputs, kept, seed, *weights)
        return output, kept

    @staticmethod
    def backward(ctx: Any, d_output: Tensor | None, _: Tensor) -> tuple[Tensor | None, ...]:
        operators.refuse_second_derivatives()
        inputs, kept, seed, *weights = ctx.saved_tensors
        if d_output is None:
            return (None,) * (4 + len(weights))
        d_input, *grads = torch.ops.brainbrr.residual_bimamba_backward(
            d_output, inputs, kept, weights, seed, *ctx.numbers
        )
        return d_input, None, None, None, *grads


def _residual_with_derivative(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    outputs: tuple[Tensor, Tensor] = _ResidualBimamba.apply(  # type: ignore[no-untyped-call]
        x, seed, (norm_eps, eps, dropout), keep, *weights
    )
    return outputs


def _residual_shapes(
    x: Tensor, weights: list[Tensor], seed: Tensor | None, *numbers: Any
) -> tuple[Tensor, Tensor]:
    keep = numbers[-1]
    if x.is_cuda:
        kept = triton.kept_shape(x, weights, keep)
    else:
        kept = operators.layer_kept_shape(x, weights) if keep else (x.shape[0], 0)
    return x.new_empty(x.shape), x.new_empty(kept, dtype=torch.float32)


def _register_shapes(name: str, function: Any) -> None:
    """Register what shapes an operator returns, for torch.compile."""
    # Before torch 2.4 it had another name.
    register = getattr(torch.library, "register_fake", None) or torch.library.impl_abstract
    register(f"brainbrr::{name}")(function)


_library.define(
    "residual_bimamba(Tensor x, Tensor[] weights, Tensor? seed, float norm_eps, float eps,"
    " float dropout, bool keep) -> (Tensor, Tensor)"
)
_library.define(
    "residual_bimamba_backward(Tensor d_output, Tensor x, Tensor kept, Tensor[] weights,"
    " Tensor? seed, float norm_eps, float eps, float dropout) -> Tensor[]"
)
_library.impl("residual_bimamba", operators.layer_forward, "CPU")
_library.impl("residual_bimamba", triton.layer_forward, "CUDA")
_library.impl("residual_bimamba", _residual_with_derivative, "Autograd")
_library.impl("residual_bimamba_backward", operators.layer_backward, "CPU")
_library.impl("residual_bimamba_backward", triton.layer_backward, "CUDA")
_register_shapes("residual_bimamba", _residual_shapes)
_register_shapes(
    "residual_bimamba_backward",
    lambda d_output, x, kept, weights, *_: [t.new_empty(t.shape) for t in (x, *weights)],
)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, seed: Tensor, p: float) -> Tensor:
        ctx.p = p
        ctx.save_for_backward(seed)
        with torch._C._AutoDispatchBelowAutograd():
            output: Tensor = torch.ops.brainbrr.dropout(values, seed, p)
        return output

    @staticmethod
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, ...]:
        # Linear, so its derivative is itself, at any order.
        return torch.ops.brainbrr.dropout(d_output, *ctx.saved_tensors, ctx.p), None, None


_library.define("dropout(Tensor values, Tensor seed, float p) -> Tensor")
_library.impl("dropout", operators.dropout, "CPU")
_library.impl("dropout", _Dropout.apply, "Autograd")
_register_shapes("dropout", lambda values, seed, p: values.new_empty(values.shape))
