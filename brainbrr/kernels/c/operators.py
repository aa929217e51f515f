"""The operators in C, with their derivatives; every one equals its namesake in `reference`.

A narrow layer in small torch operators moves its activations through memory ten times over. Here
memory sees the input and the output, and for training what the backward pass cannot cheaply
compute again: a scan keeps its state at every 32nd frame. Half precision is computed in float32.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c.binding import ROWS, call, check_types, packed
from brainbrr.kernels.reference import N_WEIGHTS, BlockWeights

D_CONVS = (2, 3, 4)


class _Passes(NamedTuple):
    """Forward and backward pass of an operator.

    `forward(keep, *numbers, *tensors)` returns the output and what to save, less of it unless
    `keep`; `backward(saved, d_outputs, *numbers)` the gradient of each tensor.
    """

    forward: Callable[..., tuple[Any, tuple[Tensor | None, ...]]]
    backward: Callable[..., tuple[Tensor | None, ...]]


class _Differentiable(torch.autograd.Function):
    """Two passes in C as one operator of autograd."""

    @staticmethod
    def forward(
        ctx: Any, passes: _Passes, numbers: tuple[Any, ...], *tensors: Tensor | None
    ) -> Any:
        keep = any(ctx.needs_input_grad)
        output, saved = passes.forward(keep, *numbers, *tensors)
        # Without this the backward pass would be handed zeros for outputs nobody used.
        ctx.set_materialize_grads(False)
        ctx.passes, ctx.numbers = passes, numbers
        ctx.dtypes = [None if t is None else t.dtype for t in tensors]
        ctx.save_for_backward(*saved)
        return output

    @staticmethod
    def backward(ctx: Any, *d_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives()
        needed = ctx.needs_input_grad[2:]
        if all(d_output is None for d_output in d_outputs):
            return (None, None, *(None for _ in needed))
        grads = ctx.passes.backward(ctx.saved_tensors, d_outputs, *ctx.numbers)
        typed = (
            grad.to(dtype) if wanted and grad is not None else None
            for grad, dtype, wanted in zip(grads, ctx.dtypes, needed, strict=True)
        )
        return (None, None, *typed)


def _apply(passes: _Passes, numbers: tuple[Any, ...], *tensors: Tensor | None) -> Any:
    return _Differentiable.apply(passes, numbers, *tensors)  # type: ignore[no-untyped-call]


def refuse_second_derivatives() -> None:
    """Refuse `create_graph=True`, which would take these gradients for constants.

    Raises:
        InvalidInput: gradients of gradients are asked for.
    """
    if torch.is_grad_enabled():
        raise InvalidInput(
            "first derivatives only",
            "create_graph=True",
            "Choose model.scan=chunked for second derivatives.",
        )


def scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the recurrence, exactly: sequential in time, so no (length x length) block anywhere.

    Args:
        x: `(batch, length, heads, headdim)`.
        dt: `(batch, length, heads)`, positive: after bias and softplus.
        A: `(heads,)`, negative.
        B: `(batch, length, 1, d_state)`.
        C: `(batch, length, 1, d_state)`.
        D: `(heads,)`.
        initial_state: `(batch, heads, headdim, d_state)`, or None for zero.

    Returns:
        y in x's type and the final state in float32, both differentiable once.

    Raises:
        InvalidInput: shapes that disagree, another device, float64, second derivatives.
        NoCKernels: no compiler; ask `binding.available` first.
    """
    tensors = {"x": x, "dt": dt, "A": A, "B": B, "C": C, "D": D, "initial_state": initial_state}
    _check_scan(tensors)
    check_types(**tensors)
    outputs: tuple[Tensor, Tensor] = _apply(_SCAN, (), *tensors.values())
    return outputs


def _scan_forward(keep: bool, *tensors: Tensor | None) -> tuple[Any, tuple[Tensor | None, ...]]:
    *given, initial = tensors
    # Batches and frames may be apart in memory; what C reads of one frame may not.
    axes = (2, 1, 1, 1, 1, 1)
    parts = [packed(t, n) for t, n in zip(given, axes, strict=True) if t is not None]
    shape, (x, B) = _scan_shape(parts), (parts[0], parts[3])
    checkpoints = torch.empty(call("scan_checkpoint_floats", shape)) if keep else None
    y, final = torch.empty(x.shape), torch.empty(x.shape[0], *x.shape[2:], B.shape[-1])
    start = None if initial is None else packed(initial, 4)
    call("scan_forward", shape, *parts, start, y, final, checkpoints)
    assert given[0] is not None
    return (y.to(given[0].dtype), final), (*parts, checkpoints)


def _scan_backward(
    saved: tuple[Tensor, ...], d_outputs: tuple[Tensor | None, Tensor | None]
) -> tuple[Tensor, ...]:
    *parts, checkpoints = saved
    x, B = parts[0], parts[3]
    dy, dfinal = d_outputs
    dy = torch.zeros(x.shape) if dy is None else packed(dy, 4)
    dfinal = None if dfinal is None else packed(dfinal, 4)
    grads = [torch.empty(part.shape) for part in parts]
    grads.append(torch.empty(x.shape[0], *x.shape[2:], B.shape[-1]))
    call("scan_backward", _scan_shape(parts), *parts, checkpoints, dy, dfinal, *grads)
    return tuple(grads)


_SCAN = _Passes(_scan_forward, _scan_backward)


def _scan_shape(parts: list[Tensor]) -> list[int]:
    x, dt, _, B, C, _ = parts
    strides = [stride for t in (x, dt, B, C) for stride in t.stride()[:2]]
    return [*x.shape, B.shape[-1], torch.get_num_threads(), *strides]


def _check_scan(tensors: dict[str, Tensor | None]) -> None:
    """Refuse shapes that disagree: C reads what they promise."""
    x, B = tensors["x"], tensors["B"]
    assert x is not None and B is not None
    if x.ndim != 4 or B.ndim != 4:
        raise InvalidInput(
            "x (batch, length, heads, headdim) and B (batch, length, 1, d_state)",
            f"x {tuple(x.shape)} and B {tuple(B.shape)}",
            "Give both four axes.",
        )
    batch, length, heads, headdim = x.shape
    d_state = B.shape[-1]
    expected = {
        "dt": (batch, length, heads),
        "A": (heads,),
        "B": (batch, length, 1, d_state),
        "C": (batch, length, 1, d_state),
        "D": (heads,),
        "initial_state": (batch, heads, headdim, d_state),
    }
    for name, shape in expected.items():
        tensor = tensors[name]
        if tensor is not None and tensor.shape != shape:
            raise InvalidInput(
                f"{name} {shape}",
                f"{tuple(tensor.shape)}",
                f"x is {tuple(x.shape)}; groups must be 1.",
            )


def block(
    inputs: Tensor, weights: BlockWeights, *, eps: float = 1e-5, reverse: bool = False
) -> Tensor:
    """Run one Mamba-2 block over time, one tile of one sequence at a time in cache.

    Args:
        inputs: `(batch, length, d_model)`; without projections `z xBC dt`
            `(batch, length, d_in_proj)`.
        weights: float32 or half precision, on the CPU.
        eps: of the RMSNorm.
        reverse: begin at the last frame; equal to flipping input and output, without the copies.

    Returns:
        `(batch, length, d_model)`, or `(batch, length, d_inner)` without projections, in the
        input's type. First derivatives reach the input and every weight.

    Raises:
        InvalidInput: shapes that disagree, another device, float64, second derivatives.
        NoCKernels: no compiler; ask `binding.available` first.
    """
    check_block(inputs, weights)
    check_types(inputs=inputs, **weights._asdict())
    output: Tensor = _apply(_BLOCK, (eps, reverse), inputs, *weights)
    return output


def _block_forward(
    keep: bool, eps: float, reverse: bool, inputs: Tensor, *weights: Tensor | None
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    rows = packed(inputs, 1)
    parts = [None if w is None else packed(w, w.ndim) for w in weights]
    shape = _block_shape(rows, parts, eps, reverse)
    kept = torch.empty(call("block_kept_floats", shape)) if keep else None
    out_proj, norm_weight = parts[-1], parts[-2]
    assert norm_weight is not None
    output = torch.empty(*inputs.shape[:2], len(norm_weight if out_proj is None else out_proj))
    call("block_forward", shape, parts, rows, output, kept)
    return output.to(inputs.dtype), (rows, kept, *parts)


def _block_backward(
    saved: tuple[Tensor, ...], d_outputs: tuple[Tensor], eps: float, reverse: bool
) -> tuple[Tensor | None, ...]:
    rows, kept, *weights = saved
    d_input = torch.empty(rows.shape)
    grads = [None if w is None else torch.empty(w.shape) for w in weights]
    shape = _block_shape(rows, weights, eps, reverse)
    call("block_backward", shape, weights, rows, kept, packed(d_outputs[0], 3), d_input, grads)
    return (d_input, *grads)


_BLOCK = _Passes(_block_forward, _block_backward)


def _block_shape(rows: Tensor, parts: list[Any], eps: float, reverse: bool) -> list[float]:
    weights = BlockWeights(*parts)
    heads = len(weights.A)
    return [
        *rows.shape[:2],
        0 if weights.in_proj is None else rows.shape[2],
        *(heads, weights.d_inner // heads, weights.d_state, weights.conv_weight.shape[2]),
        *(torch.get_num_threads(), reverse, *rows.stride()[:2], rows.dtype == torch.bfloat16, eps),
    ]


def check_block(inputs: Tensor, weights: BlockWeights) -> None:
    """Refuse shapes that disagree: kernels read what they promise.

    Raises:
        InvalidInput: names the first one.
    """
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
        got = None if weight is None else tuple(weight.shape)
        if got != shape:
            raise InvalidInput(f"{name} {shape}", f"{got}", "Shape it as mamba-ssm's Mamba2 does.")
    if inputs.ndim != 3 or (bare and d_model != d_in_proj):
        raise InvalidInput(
            f"inputs (batch, length, {d_in_proj if bare else 'd_model'})",
            f"{tuple(inputs.shape)}",
            "Give the block's input, or without projections what in_proj made of it.",
        )
    fits = heads and d_inner % heads == 0 and conv_dim > d_inner and (conv_dim - d_inner) % 2 == 0
    if d_conv not in D_CONVS or not fits:
        raise InvalidInput(
            f"d_conv in {D_CONVS}, d_inner a multiple of heads, conv_dim = d_inner + 2 d_state",
            f"d_conv {d_conv}, d_inner {d_inner}, heads {heads}, conv_dim {conv_dim}",
            "Shape the block as mamba-ssm's Mamba2 with ngroups 1 does.",
        )


# The residual layer: norm, both directions, dropout and sum in one pass over each sequence. Its
# derivative is `ops`'s, which torch.compile sees; the two functions here are its CPU kernels.


def layer_forward(
    x: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """Return the layer's output and what the backward pass needs; see `ops.residual_bimamba`."""
    rows, parts = packed(x, 1, _row_type(x)), [packed(w, w.ndim) for w in weights]
    kept = torch.empty(layer_kept_shape(x, parts) if keep else (x.shape[0], 0))
    output = torch.empty(rows.shape, dtype=rows.dtype)
    shape = _layer_shape(rows, parts, seed, norm_eps, eps, dropout)
    call("layer_forward", shape, parts, rows, output, kept if keep else None)
    return output.to(x.dtype), kept


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
    rows, parts = packed(x, 1, _row_type(x)), [packed(w, w.ndim) for w in weights]
    d_input = torch.empty(rows.shape, dtype=rows.dtype)
    grads = [torch.empty(part.shape) for part in parts]
    shape = _layer_shape(rows, parts, seed, norm_eps, eps, dropout)
    d_rows = packed(d_output, 3, rows.dtype)
    call("layer_backward", shape, parts, rows, kept, d_rows, d_input, grads)
    return [g.to(t.dtype) for g, t in zip((d_input, *grads), (x, *weights), strict=True)]


def layer_kept_shape(x: Tensor, weights: list[Tensor]) -> tuple[int, int]:
    """Return the shape of what is kept: of each sequence as many numbers as C asks for."""
    # Of one sequence, so that a compiler may leave open how many there are.
    one = torch.empty(1, int(x.shape[1]), int(x.shape[2]), dtype=_row_type(x), device="meta")
    return x.shape[0], call("layer_kept_floats", _layer_shape(one, weights, None, 0.0, 0.0, 0.0))


def _row_type(x: Tensor) -> torch.dtype:
    return torch.bfloat16 if x.dtype == torch.bfloat16 else torch.float32


def _layer_shape(
    rows: Tensor,
    weights: list[Tensor],
    seed: Tensor | None,
    norm_eps: float,
    eps: float,
    dropout: float,
) -> list[float]:
    sizes = _block_shape(rows, weights[:N_WEIGHTS], eps, reverse=False)
    return [*sizes, norm_eps, dropout, 0 if seed is None else int(seed)]


def dropout(values: Tensor, seed: Tensor, p: float) -> Tensor:
    """Drop numbers by a mask that is a function of the seed and the position alone.

    torch draws each number of a mask one after the other from one generator, and so does the code
    that its compiler writes: a tenth of a training step of V3. Here the backward pass computes the
    mask again, and nothing is stored.
    """
    # A position is counted in the order of the shape, not of memory: a gradient may be laid out
    # differently.
    values = values.contiguous()
    output = torch.empty_like(values)
    threads = torch.get_num_threads()
    call("dropout", (), values, output, values.numel(), p, int(seed), threads)
    return output


def norm(signal: Tensor, weight: Tensor, bias: Tensor, floor: float, activate: bool) -> Tensor:
    """Scale channels to unit mean square and apply GELU, in one pass where torch makes five.

    Args:
        signal: `(batch, channels, samples)`, float32 or bfloat16.
        weight, bias: `(channels,)`, float32.
        floor: of the mean square.
        activate: whether to apply GELU (the exact one).
    """
    out: Tensor = _apply(_NORM, (floor, activate), signal, weight, bias)
    return out


def _norm_forward(
    keep: bool, floor: float, activate: bool, *tensors: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    signal, weight, bias = (tensor.contiguous() for tensor in tensors)
    output = torch.empty_like(signal)
    call("norm_forward", _norm_shape(signal, floor, activate), weight, bias, signal, output)
    return output, (signal, weight, bias)


def _norm_backward(
    saved: tuple[Tensor, ...], d_outputs: tuple[Tensor], floor: float, activate: bool
) -> tuple[Tensor, ...]:
    signal, weight, bias = saved
    d_output = d_outputs[0].to(signal.dtype).contiguous()
    grads = [torch.empty_like(tensor) for tensor in saved]
    shape = _norm_shape(signal, floor, activate)
    call("norm_backward", shape, weight, bias, signal, d_output, *grads)
    return tuple(grads)


_NORM = _Passes(_norm_forward, _norm_backward)


def _norm_shape(signal: Tensor, floor: float, activate: bool) -> list[float]:
    half = signal.dtype == torch.bfloat16
    return [*signal.shape, activate, half, torch.get_num_threads(), floor]


def edge_embedding(
    numbers: Tensor, weight: Tensor, bias: Tensor, scale: float, dtype: torch.dtype
) -> Tensor:
    """Return `tanh(number * scale * weight + bias)`.

    torch makes it in four or five passes over rows sixteen times larger than what goes in.

    Args:
        numbers: any shape, float32, on the CPU.
        weight, bias: `(width,)`, float32.
        scale: of the numbers.
        dtype: float32 or bfloat16, of the result.

    Raises:
        InvalidInput: rows of another type, second derivatives.
    """
    if dtype not in ROWS:
        raise InvalidInput(
            "rows in float32 or bfloat16", str(dtype), "Use autocast with bfloat16, or none."
        )
    rows: Tensor = _apply(_EMBEDDING, (scale, dtype), numbers, weight, bias)
    return rows


def _embedding_forward(
    keep: bool, scale: float, dtype: torch.dtype, *tensors: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    numbers, weight, bias = (packed(t, t.ndim) for t in tensors)
    rows = torch.empty(*numbers.shape, len(weight), dtype=dtype)
    call("edge_embedding_forward", _edge_shape(rows, scale=scale), weight, bias, numbers, rows)
    return rows, (numbers, weight, rows)


def _embedding_backward(
    saved: tuple[Tensor, ...], d_outputs: tuple[Tensor], scale: float, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    numbers, weight, rows = saved
    d_rows = packed(d_outputs[0], rows.ndim, dtype)
    grads = [torch.empty_like(t) for t in (numbers, weight, weight)]
    shape = _edge_shape(rows, scale=scale)
    call("edge_embedding_backward", shape, weight, numbers, rows, d_rows, *grads)
    return tuple(grads)


_EMBEDDING = _Passes(_embedding_forward, _embedding_backward)


def edge_head(rows: Tensor, weight: Tensor, constant: Tensor, eps: float) -> Tensor:
    """Return `weight . (row - mean) / sqrt(variance + eps) + constant`, in float32.

    Args:
        rows: `(..., width)`, float32 or bfloat16, on the CPU.
        weight: `(width,)`, float32: of the layer norm times that of the linear map after it.
        constant: `()`, float32: what the two biases add.
        eps: of the layer norm.
    """
    numbers: Tensor = _apply(_HEAD, (eps,), rows, weight, constant)
    return numbers


def _head_forward(keep: bool, eps: float, *tensors: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    rows, weight, constant = tensors
    rows, weight = rows.detach().contiguous(), packed(weight, 1)
    numbers = torch.empty(rows.shape[:-1])
    call("edge_head_forward", _edge_shape(rows, eps=eps), weight, float(constant), rows, numbers)
    return numbers, (rows, weight)


def _head_backward(
    saved: tuple[Tensor, ...], d_outputs: tuple[Tensor], eps: float
) -> tuple[Tensor, ...]:
    rows, weight = saved
    d_numbers = packed(d_outputs[0], rows.ndim - 1)
    grads = (torch.empty_like(rows), torch.empty_like(weight), torch.empty(()))
    call("edge_head_backward", _edge_shape(rows, eps=eps), weight, rows, d_numbers, *grads)
    return grads


_HEAD = _Passes(_head_forward, _head_backward)


def _edge_shape(rows: Tensor, *, scale: float = 1.0, eps: float = 0.0) -> list[float]:
    width, half = rows.shape[-1], rows.dtype == torch.bfloat16
    return [rows.numel() // width, width, half, torch.get_num_threads(), scale, eps]


def strongest_edges(weights: Tensor, observed: Tensor, n_neighbours: int) -> Tensor:
    """Return which edges at least one of their two ends counts among its strongest.

    Args:
        weights: `(batch, pairs, frames)`, float32, on the CPU; pairs i < j in row order.
        observed: `(batch, nodes)` boolean, at most 32 nodes; absent ones have no edges.
        n_neighbours: how many each node chooses; of equal ones the first.

    Returns:
        `(batch, pairs, frames)` boolean.
    """
    n_nodes, rows = observed.shape[1], packed(weights, 3)
    kept = torch.empty(rows.shape, dtype=torch.bool)
    n_chosen = min(n_neighbours, n_nodes - 1)
    shape = (rows.shape[0], n_nodes, rows.shape[2], n_chosen, torch.get_num_threads())
    call("strongest_edges", shape, rows, observed.contiguous(), kept)
    return kept


def eigenvectors(matrices: Tensor, n_vectors: int) -> Tensor:
    """Return eigenvectors of the smallest eigenvalues, in their order, by Jacobi's rotations.

    One matrix in each lane of the vector registers; LAPACK solves one after the other on one
    thread.

    Args:
        matrices: `(..., n, n)`, symmetric, float32, on the CPU.
        n_vectors: how many, at most n.

    Returns:
        `(..., n, n_vectors)`, one vector per column, without gradient. What is not finite makes its
        own matrix's vectors not finite.
    """
    n = matrices.shape[-1]
    rows = packed(matrices, matrices.ndim)
    vectors = torch.empty(*matrices.shape[:-1], n_vectors)
    call("jacobi", (rows.numel() // n**2, n, n_vectors, torch.get_num_threads()), rows, vectors)
    return vectors
