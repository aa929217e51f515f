"""Dropout that costs one pass through memory on the processor, and stores no mask.

torch draws each number of a mask one after the other from one generator, and so does the code that
its compiler writes: a tenth of a training step of V3. In C the mask is a function of a seed, which
torch's generator gives, and of the place, so the way back computes it again. A registered operator,
which torch.compile keeps in its graph.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor, nn

from brainbrr.kernels.c.binding import (
    address,
    call,
    native_can_take,
    native_library,
    register_shapes,
)

_library: Any = torch.library.Library("brainbrr", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define("dropout(Tensor values, Tensor seed, float p) -> Tensor")


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, in C where it can: the same chances, another stream of masks."""

    def forward(self, values: Tensor) -> Tensor:
        """Values of the same shape."""
        fits = self.training and 0 < self.p < 1 and values.dtype == torch.float32
        if fits and native_can_take(values, as_operator=True):
            # A tensor, not its number: a compiler would have to stop for the number.
            out: Tensor = torch.ops.brainbrr.dropout(values, torch.randint(2**62, ()), self.p)
            return out
        return super().forward(values)


class _NativeDropout(torch.autograd.Function):
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


def _drop(values: Tensor, seed: Tensor, p: float) -> Tensor:
    # A place is counted in the order of the shape, not of memory: the gradient may lie otherwise.
    values = values.contiguous()
    output = torch.empty_like(values)
    call(
        native_library().brainbrr_dropout,
        *(address(values), address(output), ctypes.c_int64(values.numel()), ctypes.c_double(p)),
        *(ctypes.c_int64(int(seed)), ctypes.c_int64(torch.get_num_threads())),
    )
    return output


def _drop_with_derivative(values: Tensor, seed: Tensor, p: float) -> Tensor:
    output: Tensor = _NativeDropout.apply(values, seed, p)  # type: ignore[no-untyped-call]
    return output


def _drop_shape(values: Tensor, seed: Tensor, p: float) -> Tensor:
    return values.new_empty(values.shape)


_library.impl("dropout", _drop, "CPU")
_library.impl("dropout", _drop_with_derivative, "Autograd")
register_shapes("dropout", _drop_shape)
