"""A narrow residual layer of bidirectional Mamba-2 on a CUDA device, in Triton.

Norm, both directions, dropout and sum in two launches per pass. Around its small operators a narrow
layer moves its activations through device memory dozens of times; here memory sees the layer's
input and output, and for training the state at every 64th frame.

States, decays and norms are float32 throughout. Matrix products are too if the input is, unless
`torch.backends.cuda.matmul.allow_tf32` is set; with a bfloat16 input their operands are rounded to
it, as autocast does, and with float16 to TF32. Gradients are the same bits in each run on one
device. Triton is imported when first launched.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c.binding import FLOATS
from brainbrr.kernels.reference import N_WEIGHTS, BlockWeights

WIDEST_INNER, LARGEST_STATE = 32, 16
OLDEST_TRITON = (3, 2)
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
"""Programs of the backward pass: as many as fit on a multiprocessor at once."""


@cache
def available() -> bool:
    """Return whether a Triton that compiles the kernels is installed."""
    if find_spec("triton") is None:
        return False
    version = import_module("triton").__version__.split(".")
    return tuple(map(int, version[:2])) >= OLDEST_TRITON


def fits(inputs: Tensor, weights: BlockWeights) -> bool:
    """Return whether the layer can run: a CUDA device, Triton, and sizes that fit its registers."""
    narrow = max(inputs.shape[-1], weights.d_inner) <= WIDEST_INNER
    takes = narrow and weights.d_state <= LARGEST_STATE and inputs.dtype in FLOATS
    return takes and inputs.is_cuda and inputs.numel() > 0 and available()


def check(inputs: Tensor, weights: BlockWeights) -> None:
    """Refuse what the kernels do not take.

    Raises:
        InvalidInput: a layer too wide for registers, float64.
    """
    width, d_inner, d_state = inputs.shape[-1], weights.d_inner, weights.d_state
    if max(width, d_inner) > WIDEST_INNER or d_state > LARGEST_STATE:
        raise InvalidInput(
            f"d_model and d_inner at most {WIDEST_INNER}, d_state at most {LARGEST_STATE}",
            f"{width}, {d_inner} and {d_state}",
            "Use model.scan=auto, which computes it otherwise.",
        )
    if inputs.dtype not in FLOATS:
        raise InvalidInput(
            "inputs in float32, float16 or bfloat16",
            str(inputs.dtype),
            "Choose model.scan=chunked for float64.",
        )


def layer_forward(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """Return the layer's output and the states kept of it; see `ops.residual_bimamba`."""
    kernel = _kernel("forward", x)
    x = x.contiguous()
    output = torch.empty_like(x)
    kept = x.new_empty(kept_shape(x, weights, keep), dtype=torch.float32)
    # In this order: the reverse launch finds the first one's part in `output`, adds its own, and
    # only to the sum are dropout and the input applied.
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


def layer_backward(
    d_output: Tensor,
    x: Tensor,
    kept: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
) -> list[Tensor]:
    """Return the gradients of the input and of each weight."""
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
            # Added here in one order; atomic additions in the kernel would come in any.
            sums.append(_split(partial.sum(0), direction))
    grads = [*sums[0][:N_WEIGHTS], *sums[1]]
    return [g.to(t.dtype) for g, t in zip((d_x, *grads), (x, *weights), strict=True)]


def _directions(weights: list[Tensor]) -> list[list[Tensor]]:
    """Return the weights as the kernels take them, for one direction and the other."""
    # Converted once per launch, not by each program: a program reads every weight per tile.
    plain = [weight.float().contiguous() for weight in weights]
    norm = plain[2 * N_WEIGHTS :]
    return [[*plain[:N_WEIGHTS], *norm], [*plain[N_WEIGHTS : 2 * N_WEIGHTS], *norm]]


def kernel_constants(x: Tensor, direction: list[Tensor]) -> dict[str, int | str]:
    """Return what a kernel is compiled for."""
    block = BlockWeights(*direction[:N_WEIGHTS])
    d_model, d_inner, d_state = x.shape[2], block.d_inner, block.d_state
    precision = _precision(x.dtype)
    return {
        "D_MODEL": d_model,
        "D_INNER": d_inner,
        "D_STATE": d_state,
        "HEADDIM": d_inner // len(block.A),
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
    """Return how operands of products are rounded; float16 has too short a range for gradients."""
    if dtype == torch.bfloat16:
        return "bf16"
    exact = dtype == torch.float32 and not torch.backends.cuda.matmul.allow_tf32
    return "ieee" if exact else "tf32"


def _padded(n: int) -> int:
    """Round up to what a tensor core takes: a power of two, 16 at least."""
    return max(16, 1 << (n - 1).bit_length())


def kept_shape(x: Tensor, weights: list[Tensor], keep: bool) -> tuple[int, ...]:
    """Return the shape of the kept states, at the start of each chunk of both directions."""
    block = BlockWeights(*weights[:N_WEIGHTS])
    n_chunks = -(-x.shape[1] // (TILE * TILES_KEPT)) if keep else 0
    return 2, x.shape[0], n_chunks, block.d_state, block.d_inner


def _sum_sizes(direction: list[Tensor]) -> list[int]:
    """Return the lengths of what the backward pass sums, in its order."""
    block = BlockWeights(*direction[:N_WEIGHTS])
    d_inner, d_model = block.d_inner, block.in_proj.shape[1]
    before_dt = (block.in_proj.shape[0] - len(block.A)) * d_model
    n_taps = block.conv_weight.numel()
    return [
        *(before_dt, d_inner * d_model, n_taps, len(block.conv_bias)),
        *(d_inner, d_inner, d_inner, d_inner, d_inner * d_model, d_model, d_model),
    ]


def _split(sums: Tensor, direction: list[Tensor]) -> list[Tensor]:
    """Return gradients in the weights' order; of what a head's features share, their sum."""
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
    """Return how many programs of the backward pass share the sequences: two if interpreted."""
    if device.type != "cuda":
        return 2
    properties = torch.cuda.get_device_properties(device)
    return PROGRAMS_PER_PROCESSOR * int(properties.multi_processor_count)


def _kernel(name: str, x: Tensor) -> Any:
    """Return a kernel, for a CUDA device or as Triton interprets it."""
    kernel = getattr(import_module(f"brainbrr.kernels.triton.{name}"), f"{name}_kernel")
    if not x.is_cuda and isinstance(kernel, import_module("triton").JITFunction):
        raise InvalidInput(
            "EEG and model on a CUDA device, for the fused layer",
            f"a tensor on {x.device}",
            "Move both there, or use model.scan=auto: the numbers are the same.",
        )
    return kernel
