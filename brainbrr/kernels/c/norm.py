"""The encoder's norm and its GELU on the processor, in C, in one pass through memory.

torch makes five: square, mean, scale, weight and bias, GELU; more on the way back.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import (
    ROW_TYPES,
    address,
    call,
    native_can_take,
    native_library,
    refuse_second_derivatives,
)


class NormShape(ctypes.Structure):
    """`norm_shape` of native/channel_norm.c."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("batch", "channels", "samples", "activate", "half", "threads")
        ),
        ("floor", ctypes.c_double),
    ]


def can_take_norm(signal: Tensor) -> bool:
    """Whether `native_norm` may be chosen for this signal."""
    return signal.dtype in ROW_TYPES and signal.ndim == 3 and native_can_take(signal)


def native_norm(
    signal: Tensor, weight: Tensor, bias: Tensor, *, floor: float, activate: bool
) -> Tensor:
    """`x / sqrt(mean over channels of x ** 2 + floor) * weight + bias`, and GELU of it.

    Computed in float32, whatever comes in.

    Args:
        signal: (batch, channels, samples), float32 or bfloat16, on the CPU.
        weight, bias: (channels,).
        floor: of the mean square.
        activate: whether to apply GELU (the exact one).

    Returns:
        The same shape and type. First derivatives reach the signal, weight and bias.
    """
    out: Tensor = _NativeNorm.apply(signal, weight, bias, floor, activate)  # type: ignore[no-untyped-call]
    return out


class _NativeNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, signal: Tensor, weight: Tensor, bias: Tensor, floor: float, activate: bool
    ) -> Tensor:
        signal, weight, bias = (tensor.contiguous() for tensor in (signal, weight, bias))
        ctx.numbers = (floor, activate)
        ctx.save_for_backward(signal, weight, bias)
        output = torch.empty_like(signal)
        call(
            native_library().brainbrr_norm_forward,
            *(ctypes.byref(_shape(signal, floor, activate)), address(weight), address(bias)),
            *(address(signal), address(output)),
        )
        return output

    @staticmethod
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        signal, weight, bias = ctx.saved_tensors
        d_output = d_output.to(signal.dtype).contiguous()
        d_signal, d_weight, d_bias = (torch.empty_like(t) for t in (signal, weight, bias))
        call(
            native_library().brainbrr_norm_backward,
            *(ctypes.byref(_shape(signal, *ctx.numbers)), address(weight), address(bias)),
            *(address(signal), address(d_output)),
            *(address(d_signal), address(d_weight), address(d_bias)),
        )
        return d_signal, d_weight, d_bias, None, None


def _shape(signal: Tensor, floor: float, activate: bool) -> NormShape:
    half = signal.dtype == torch.bfloat16
    return NormShape(*signal.shape, activate, half, torch.get_num_threads(), floor)
