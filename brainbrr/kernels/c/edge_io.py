"""The two ends of the edge stream on the processor, in C.

One number widens to a row of features, and a row narrows to one number. torch makes each of them in
four or five passes over rows that are sixteen times larger than what goes in or comes out.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import (
    ROW_TYPES,
    UnsupportedScanInput,
    address,
    call,
    native_can_take,
    native_library,
    packed,
    refuse_second_derivatives,
)


class EndsShape(ctypes.Structure):
    """`ends_shape` of native/edge_ends.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "width", "half", "threads")),
        *((name, ctypes.c_double) for name in ("scale", "eps")),
    ]


def can_take_ends(values: Tensor, *weights: Tensor) -> bool:
    """Whether `native_lift` and `native_read` may be chosen for these."""
    plain = all(weight.dtype == torch.float32 for weight in weights)
    return plain and values.dtype in ROW_TYPES and native_can_take(values)


def native_lift(
    numbers: Tensor, weight: Tensor, bias: Tensor, *, scale: float, dtype: torch.dtype
) -> Tensor:
    """`tanh(number * scale * weight + bias)`.

    Args:
        numbers: any shape, float32, on the CPU.
        weight, bias: (width,), float32.
        scale: of the numbers.
        dtype: float32 or bfloat16, of the result.

    Returns:
        (*numbers.shape, width). First derivatives reach numbers, weight and bias.

    Raises:
        UnsupportedScanInput: rows of another type, second derivatives.
    """
    if dtype not in ROW_TYPES:
        raise UnsupportedScanInput(
            "rows in float32 or bfloat16", str(dtype), "Use autocast with bfloat16, or none."
        )
    rows: Tensor = _Lift.apply(numbers, weight, bias, scale, dtype)  # type: ignore[no-untyped-call]
    return rows


def native_read(rows: Tensor, weight: Tensor, constant: Tensor, *, eps: float) -> Tensor:
    """`weight . (row - mean) / sqrt(variance + eps) + constant`, in float32.

    Args:
        rows: (..., width), float32 or bfloat16, on the CPU.
        weight: (width,), float32: of the layer norm times that of the linear map after it.
        constant: (), float32: what the two biases add.
        eps: of the layer norm.

    Returns:
        The shape of `rows` without its last axis. First derivatives reach all three tensors.
    """
    numbers: Tensor = _Read.apply(rows, weight, constant, eps)  # type: ignore[no-untyped-call]
    return numbers


class _Lift(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, numbers: Tensor, weight: Tensor, bias: Tensor, scale: float, dtype: torch.dtype
    ) -> Tensor:
        numbers, weight, bias = (packed(t, t.ndim) for t in (numbers, weight, bias))
        rows = torch.empty(*numbers.shape, len(weight), dtype=dtype)
        ctx.scale = scale
        ctx.save_for_backward(numbers, weight, rows)
        call(
            native_library().brainbrr_lift_forward,
            *(ctypes.byref(_shape(rows, scale=scale)), address(weight), address(bias)),
            *(address(numbers), address(rows)),
        )
        return rows

    @staticmethod
    def backward(ctx: Any, d_rows: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        numbers, weight, rows = ctx.saved_tensors
        d_rows = packed(d_rows, d_rows.ndim, rows.dtype)
        d_numbers, d_weight, d_bias = (torch.empty_like(t) for t in (numbers, weight, weight))
        call(
            native_library().brainbrr_lift_backward,
            *(ctypes.byref(_shape(rows, scale=ctx.scale)), address(weight), address(numbers)),
            *(address(rows), address(d_rows)),
            *(address(d_numbers), address(d_weight), address(d_bias)),
        )
        return d_numbers, d_weight, d_bias, None, None


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, constant: Tensor, eps: float) -> Tensor:
        rows, weight = rows.detach().contiguous(), packed(weight, 1)
        numbers = torch.empty(rows.shape[:-1])
        ctx.eps = eps
        ctx.save_for_backward(rows, weight)
        call(
            native_library().brainbrr_read_forward,
            *(ctypes.byref(_shape(rows, eps=eps)), address(weight)),
            *(ctypes.c_double(float(constant)), address(rows), address(numbers)),
        )
        return numbers

    @staticmethod
    def backward(ctx: Any, d_numbers: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        rows, weight = ctx.saved_tensors
        d_numbers = packed(d_numbers, d_numbers.ndim)
        d_rows, d_weight = torch.empty_like(rows), torch.empty_like(weight)
        d_constant = torch.empty(())
        call(
            native_library().brainbrr_read_backward,
            *(ctypes.byref(_shape(rows, eps=ctx.eps)), address(weight), address(rows)),
            *(address(d_numbers), address(d_rows), address(d_weight), address(d_constant)),
        )
        return d_rows, d_weight, d_constant, None


def _shape(rows: Tensor, *, scale: float = 1.0, eps: float = 0.0) -> EndsShape:
    width = rows.shape[-1]
    half = rows.dtype == torch.bfloat16
    return EndsShape(rows.numel() // width, width, half, torch.get_num_threads(), scale, eps)
