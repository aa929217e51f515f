"""Dropout that costs one pass through memory on the processor, and stores no mask.

torch draws each number of a mask one after the other from one generator: a tenth of a training
step of V3. In C the mask is a function of a seed, which torch's generator gives, and of the place,
so the way back computes it again.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor, nn

from brainbrr.models.native import address, call, native_can_take, native_library


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, in C where it can: the same chances, another stream of masks."""

    def forward(self, values: Tensor) -> Tensor:
        """Values of the same shape."""
        fits = self.training and 0 < self.p < 1 and values.dtype == torch.float32
        if fits and native_can_take(values):
            seed = int(torch.randint(2**62, ()))
            out: Tensor = _NativeDropout.apply(values, self.p, seed)  # type: ignore[no-untyped-call]
            return out
        return super().forward(values)


class _NativeDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, p: float, seed: int) -> Tensor:
        ctx.p, ctx.seed = p, seed
        return _drop(values, p, seed)

    @staticmethod
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, ...]:
        # Linear, so its derivative is itself, at any order.
        d_values: Tensor = _NativeDropout.apply(d_output, ctx.p, ctx.seed)  # type: ignore[no-untyped-call]
        return d_values, None, None


def _drop(values: Tensor, p: float, seed: int) -> Tensor:
    # A place is counted in the order of the shape, not of memory: the gradient may lie otherwise.
    values = values.contiguous()
    output = torch.empty_like(values)
    call(
        native_library().brainbrr_dropout,
        *(address(values), address(output), ctypes.c_int64(values.numel()), ctypes.c_double(p)),
        *(ctypes.c_int64(seed), ctypes.c_int64(torch.get_num_threads())),
    )
    return output
