"""The exact Mamba-2 scan on the processor, in C: the recurrence's own numbers, many times faster.

Sequential in time, so there is no (length x length) block anywhere; a sequence's state stays in
registers, one is kept at every 32nd frame, and the way back recomputes the others from it.
Source: Dao and Gu 2024, Transformers are SSMs (arXiv 2405.21060), a scalar A for each head.
"""
# The paper's letters, in the order every scan here takes them.

import ctypes
import functools
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from brainbrr.errors import BrainbrrError
from brainbrr.kernels.c.build import NativeKernelsUnavailable, load_library
from brainbrr.kernels.tracing import (
    TELLS_EXPORT,
    is_tracing,
    keeps_operators,
    settled_before_tracing,
)

logger = logging.getLogger(__name__)

SUPPORTED_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
ROW_TYPES = (torch.float32, torch.bfloat16)
"""What norm, edge ends and layer read and write as it lies; the others convert to float32."""


class UnsupportedScanInput(BrainbrrError):
    """What the native scan cannot take: wrong shapes, other devices, more than float32."""


class ScanShape(ctypes.Structure):
    """`scan_shape` of native/scan.c: sizes, threads, and strides in floats."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            *("batch", "length", "heads", "headdim", "d_state", "threads"),
            *("x_batch", "x_frame", "dt_batch", "dt_frame"),
            *("B_batch", "B_frame", "C_batch", "C_frame"),
        )
    ]


def native_available() -> bool:
    """Whether this machine can build and load the C kernels; if not, why is logged once."""
    return not isinstance(load_library(), NativeKernelsUnavailable)


def native_can_take(*tensors: Tensor, as_operator: bool = False) -> bool:
    """Whether the native kernels may be chosen: at hand, tensors on the CPU, nobody tracing.

    Args:
        tensors: what they shall run on.
        as_operator: they run as a registered operator of torch, which torch.compile may keep in
            its graph. Everything else that traces, torch.export above all, may not: its graph
            depends on no compiled library. Before torch 2.7 one looks like the other.
    """
    if not all(t.device.type == "cpu" and t.dtype in SUPPORTED_DTYPES for t in tensors):
        return False
    if not is_tracing():
        return native_available()
    return as_operator and _stays_in_graph(keeps_operators())


@settled_before_tracing
def _stays_in_graph(operators_kept: bool) -> bool:
    """Whether a graph keeps native operators; they are loaded, and the choice logged, before."""
    return _native_in_graph() if operators_kept or not TELLS_EXPORT else False


@functools.cache
def _native_in_graph() -> bool:
    stays = TELLS_EXPORT and native_available()
    logger.info("torch.compile on cpu: %s", "native kernels" if stays else "chunked scan")
    return stays


def register_shapes(name: str, function: Callable[..., Any]) -> None:
    """Tell compilers the shapes that an operator of ours gives."""
    # Before torch 2.4 it had another name.
    register = getattr(torch.library, "register_fake", None) or torch.library.impl_abstract
    register(f"brainbrr::{name}")(function)


def native_scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the state-space recurrence of Mamba-2 over time, exactly.

    For each head and channel, with a state of d_state numbers that starts at `initial_state`:
    s = exp(dt A) s + dt x B and y = C.s + D x.
    Half precision is computed in float32; y comes back in x's type.

    Args:
        x: (batch, length, heads, headdim)
        dt: (batch, length, heads), positive: after bias and softplus
        A: (heads,), negative
        B: (batch, length, 1, d_state)
        C: (batch, length, 1, d_state)
        D: (heads,)
        initial_state: (batch, heads, headdim, d_state), or None for zero

    Returns:
        y (batch, length, heads, headdim) and the final state (batch, heads, headdim, d_state),
        which is float32. Both carry first derivatives to every argument.

    Raises:
        UnsupportedScanInput: shapes that disagree, another device, float64, second derivatives.
        NativeKernelsUnavailable: no compiler; ask `native_available` first.
    """
    _check(x, dt, A, B, C, D, initial_state)
    outputs: tuple[Tensor, Tensor] = _NativeScan.apply(  # type: ignore[no-untyped-call]
        x, dt, A, B, C, D, initial_state
    )
    return outputs


class _NativeScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        dt: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        initial_state: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        library = native_library()
        parts = [packed(t, n) for t, n in ((x, 2), (dt, 1), (A, 1), (B, 1), (C, 1), (D, 1))]
        initial = None if initial_state is None else packed(initial_state, 4)
        shape = _shape(*parts)
        checkpoints = None
        if any(ctx.needs_input_grad):
            checkpoints = torch.empty(library.brainbrr_scan_checkpoint_floats(ctypes.byref(shape)))
        y = torch.empty(x.shape)
        final = torch.empty(x.shape[0], x.shape[2], x.shape[3], B.shape[-1])
        call(
            library.brainbrr_scan_forward,
            *(ctypes.byref(shape), *map(address, parts), address(initial)),
            *(address(y), address(final), address(checkpoints)),
        )
        ctx.set_materialize_grads(False)
        ctx.dtypes = [None if t is None else t.dtype for t in (x, dt, A, B, C, D, initial_state)]
        ctx.save_for_backward(*parts, checkpoints)
        return y.to(x.dtype), final

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dfinal: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        *parts, checkpoints = ctx.saved_tensors
        shape = _shape(*parts)
        x, B = parts[0], parts[3]
        dy = torch.zeros(x.shape) if dy is None else packed(dy, 4)
        dfinal = None if dfinal is None else packed(dfinal, 4)
        grads = [torch.empty(part.shape) for part in parts]
        grads.append(torch.empty(x.shape[0], x.shape[2], x.shape[3], B.shape[-1]))
        call(
            native_library().brainbrr_scan_backward,
            *(ctypes.byref(shape), *map(address, parts), address(checkpoints)),
            *(address(dy), address(dfinal), *map(address, grads)),
        )
        return tuple(
            grad.to(dtype) if needed else None
            for grad, dtype, needed in zip(grads, ctx.dtypes, ctx.needs_input_grad, strict=True)
        )


def native_library() -> ctypes.CDLL:
    """The loaded kernels; raises NativeKernelsUnavailable with the reason where there are none."""
    library = load_library()
    if isinstance(library, NativeKernelsUnavailable):
        raise library
    library.brainbrr_scan_checkpoint_floats.restype = ctypes.c_int64
    library.brainbrr_block_kept_floats.restype = ctypes.c_int64
    library.brainbrr_layer_kept_floats.restype = ctypes.c_int64
    return library


def learns(*tensors: Tensor | None) -> bool:
    """Whether anything must be kept for a way back; asked before an `autograd.Function` is entered,
    where a leaf needs its gradient in inference mode, too."""
    wanted = any(tensor is not None and tensor.requires_grad for tensor in tensors)
    return wanted and torch.is_grad_enabled()


def refuse_second_derivatives() -> None:
    """Stop `create_graph=True`, which would else see these gradients as constants."""
    if torch.is_grad_enabled():
        raise UnsupportedScanInput(
            "first derivatives only",
            "create_graph=True",
            "Choose model.scan=chunked for second derivatives.",
        )


def address(tensor: Tensor | None) -> ctypes.c_void_p:
    """A tensor's first element as C sees it; NULL for None."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def call(function: Any, *arguments: Any) -> None:
    """Run a kernel, which answers 0, or not where it found no memory to work in."""
    if function(*arguments) != 0:
        raise MemoryError(f"{function.__name__} found no memory for its working space")


def packed(tensor: Tensor, n_axes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Of that type, its last `n_axes` axes without gaps; a view where it already is."""
    tensor = tensor.detach().to(dtype)
    stride = 1
    for axis in range(1, n_axes + 1):
        if tensor.shape[-axis] != 1 and tensor.stride(-axis) != stride:
            return tensor.contiguous()
        stride *= tensor.shape[-axis]
    return tensor


def _shape(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> ScanShape:
    strides = [stride for t in (x, dt, B, C) for stride in t.stride()[:2]]
    return ScanShape(*x.shape, B.shape[-1], torch.get_num_threads(), *strides)


def _check(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, initial_state: Tensor | None
) -> None:
    """C reads what the shapes promise, so they are checked at the door."""
    if x.ndim != 4 or B.ndim != 4:
        raise UnsupportedScanInput(
            "x (batch, length, heads, headdim) and B (batch, length, 1, d_state)",
            f"x {tuple(x.shape)} and B {tuple(B.shape)}",
            "Give both four axes.",
        )
    batch, length, heads, headdim = x.shape
    d_state = B.shape[-1]
    expected = {
        "dt": (dt, (batch, length, heads)),
        "A": (A, (heads,)),
        "B": (B, (batch, length, 1, d_state)),
        "C": (C, (batch, length, 1, d_state)),
        "D": (D, (heads,)),
        "initial_state": (initial_state, (batch, heads, headdim, d_state)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor is not None and tensor.shape != shape:
            raise UnsupportedScanInput(
                f"{name} {shape}",
                f"{tuple(tensor.shape)}",
                f"x is {tuple(x.shape)}; groups must be 1.",
            )
    for name, tensor in (("x", x), *((name, tensor) for name, (tensor, _) in expected.items())):
        if tensor is not None and (
            tensor.device.type != "cpu" or tensor.dtype not in SUPPORTED_DTYPES
        ):
            raise UnsupportedScanInput(
                "tensors on the CPU in float32, float16 or bfloat16",
                f"{name} {tensor.dtype} on {tensor.device}",
                "Choose model.scan=chunked for other devices and for float64.",
            )
