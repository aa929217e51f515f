"""Launches of the fused layer's Triton kernels, as operators of torch.

torch.compile sees operators with known shapes where it cannot see kernels. Triton is imported when
first launched.
"""

from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import register_shapes
from brainbrr.kernels.c.block import BlockWeights
from brainbrr.kernels.c.layer import N_WEIGHTS, gradient_shapes
from brainbrr.kernels.mamba_ssm import NotOnCuda

TILE = 16
"""Frames computed at once: the least a tensor core takes, as work within a tile grows with its
square."""
TILES_KEPT = 4
WARPS = {
    "forward": {"ieee": 4, "tf32": 1, "bf16": 1},
    "backward": {"ieee": 4, "tf32": 2, "bf16": 2},
}
"""Fewest at which a tile's numbers nearly fit into registers."""
PROGRAMS_PER_PROCESSOR = 4
"""Programs of the way back: what fits beside each other on a multiprocessor."""

_library: Any = torch.library.Library("brainbrr", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(
    "fused_layer(Tensor x, Tensor[] weights, Tensor? seed, float norm_eps, float eps,"
    " float dropout, bool keep) -> (Tensor, Tensor)"
)
_library.define(
    "fused_layer_backward(Tensor d_output, Tensor x, Tensor kept, Tensor[] weights, Tensor? seed,"
    " float norm_eps, float eps, float dropout) -> Tensor[]"
)


def _fused_layer(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    kernel = _kernel("forward", x)
    x = x.contiguous()
    output, kept = torch.empty_like(x), _kept_like(x, weights, keep)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
        for reverse, direction in enumerate(_directions(weights)):
            kernel[(x.shape[0],)](
                *(x, *direction, output, kept[reverse] if keep else kept, seed),
                *(x.shape[1], norm_eps, eps, dropout),
                **kernel_constants(x, direction),
                REVERSE=bool(reverse),
                DROP=dropout > 0,
                KEEP=keep,
                num_warps=WARPS["forward"][_precision(x.dtype)],
                num_stages=1,
            )
    return output, kept


def _fused_layer_backward(
    d_output: Tensor,
    x: Tensor,
    kept: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
) -> list[Tensor]:
    kernel = _kernel("backward", x)
    x, d_output = x.contiguous(), d_output.contiguous()
    d_x = torch.empty_like(x)
    n_programs = min(x.shape[0], _programs_at_once(x.device))
    starts = kept.new_empty(n_programs, TILES_KEPT, *kept.shape[-2:])
    width = 3 * _padded(kept.shape[-1]) + 2 * _padded(kept.shape[-2])
    inside = x.new_empty(n_programs, (TILES_KEPT + 1) * TILE, width)
    sums = []
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
        for reverse, direction in enumerate(_directions(weights)):
            sizes = _sum_sizes(direction)
            partial = kept.new_empty(n_programs, sum(sizes))
            kernel[(n_programs,)](
                *(x, *direction, d_output, d_x, kept[reverse], starts, inside, partial, seed),
                *(*x.shape[:2], partial.shape[1], norm_eps, eps, dropout),
                **kernel_constants(x, direction),
                REVERSE=bool(reverse),
                DROP=dropout > 0,
                num_warps=WARPS["backward"][_precision(x.dtype)],
                num_stages=1,
            )
            sums.append(_split(partial.sum(0), direction))
    grads = [*sums[0][:N_WEIGHTS], *sums[1]]
    return [g.to(t.dtype) for g, t in zip((d_x, *grads), (x, *weights), strict=True)]


def _directions(weights: list[Tensor]) -> list[list[Tensor]]:
    """The weights as the kernels take them, for one direction and the other."""
    plain = [weight.float().contiguous() for weight in weights]
    norm = plain[2 * N_WEIGHTS :]
    return [[*plain[:N_WEIGHTS], *norm], [*plain[N_WEIGHTS : 2 * N_WEIGHTS], *norm]]


def kernel_constants(x: Tensor, direction: list[Tensor]) -> dict[str, int | str]:
    """What a kernel is compiled for."""
    block = BlockWeights(*direction[:N_WEIGHTS])
    d_model, d_inner, heads = x.shape[2], len(block.norm_weight), len(block.A)
    d_state = (len(block.conv_bias) - d_inner) // 2
    precision = _precision(x.dtype)
    return {
        "D_MODEL": d_model,
        "D_INNER": d_inner,
        "D_STATE": d_state,
        "HEADDIM": d_inner // heads,
        "D_CONV": block.conv_weight.shape[2],
        "M": _padded(d_model),
        "N": _padded(d_inner),
        "S": _padded(d_state),
        "TILE": TILE,
        "TILES_KEPT": TILES_KEPT,
        "PRECISION": precision,
        # The gradients of decays are small differences of the scan's products.
        "SCAN": "tf32" if precision == "bf16" else precision,
    }


def _precision(dtype: torch.dtype) -> str:
    """How operands of products are rounded; float16 has too short a range for gradients."""
    if dtype == torch.bfloat16:
        return "bf16"
    exact = dtype == torch.float32 and not torch.backends.cuda.matmul.allow_tf32
    return "ieee" if exact else "tf32"


def _padded(n: int) -> int:
    """What a tensor core takes: a power of two, 16 at least."""
    return max(16, 1 << (n - 1).bit_length())


def _kept_like(x: Tensor, weights: list[Tensor], keep: bool) -> Tensor:
    """Room for the states at the chunks' starts, of both directions."""
    block = BlockWeights(*weights[:N_WEIGHTS])
    d_inner = len(block.norm_weight)
    d_state = (len(block.conv_bias) - d_inner) // 2
    n_chunks = -(-x.shape[1] // (TILE * TILES_KEPT)) if keep else 0
    return x.new_empty(2, x.shape[0], n_chunks, d_state, d_inner, dtype=torch.float32)


def _sum_sizes(direction: list[Tensor]) -> list[int]:
    """Lengths of what the way back sums, in its order."""
    block = BlockWeights(*direction[:N_WEIGHTS])
    assert block.in_proj is not None and block.out_proj is not None
    d_inner, d_model = len(block.norm_weight), block.in_proj.shape[1]
    before_dt = (block.in_proj.shape[0] - len(block.A)) * d_model
    n_taps = block.conv_weight.numel()
    return [
        *(before_dt, d_inner * d_model, n_taps, len(block.conv_bias)),
        *(d_inner, d_inner, d_inner, d_inner, d_inner * d_model, d_model, d_model),
    ]


def _split(sums: Tensor, direction: list[Tensor]) -> list[Tensor]:
    """Gradients in the weights' order; of what a head's features share, their sum."""
    parts = torch.split_with_sizes(sums, _sum_sizes(direction))
    rows, steps, taps, conv_bias, D, A, dt_bias, gate_norm, out_proj, *norm = parts
    block = BlockWeights(*direction[:N_WEIGHTS])
    heads = len(block.A)
    by_head = steps.view(heads, -1, direction[0].shape[1]).sum(1)
    grads = [
        torch.cat([rows, by_head.flatten()]),
        *(taps, conv_bias),
        *(each.view(heads, -1).sum(1) for each in (dt_bias, A, D)),
        *(gate_norm, out_proj, *norm),
    ]
    return [grad.view(weight.shape) for grad, weight in zip(grads, direction, strict=True)]


@cache
def _programs_at_once(device: torch.device) -> int:
    """Programs of the way back, which share the sequences: two where kernels are interpreted."""
    if device.type != "cuda":
        return 2
    properties = torch.cuda.get_device_properties(device)
    return PROGRAMS_PER_PROCESSOR * int(properties.multi_processor_count)


def _kernel(way: str, x: Tensor) -> Any:
    """A kernel, for a CUDA device or as Triton interprets it."""
    kernel = getattr(import_module(f"brainbrr.kernels.triton.{way}"), f"{way}_kernel")
    if not x.is_cuda and isinstance(kernel, import_module("triton").JITFunction):
        raise NotOnCuda(
            "EEG and model on a CUDA device, for the fused layer",
            f"a tensor on {x.device}",
            "Move both there, or use model.scan=auto: the numbers are the same.",
        )
    return kernel


def _fused_layer_shapes(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), _kept_like(x, weights, keep)


register_shapes("fused_layer", _fused_layer_shapes)
register_shapes("fused_layer_backward", gradient_shapes)
for _device in ("CUDA", "CPU"):
    _library.impl("fused_layer", _fused_layer, _device)
    _library.impl("fused_layer_backward", _fused_layer_backward, _device)
