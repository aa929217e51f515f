"""The operators in C, with their derivatives; every one equals its namesake in `reference`.

A narrow layer in small torch operators moves its activations through memory ten times over. Here
memory sees the input and the output, and for training what the backward pass cannot cheaply
compute again: a block keeps its state at every 32nd frame. Half precision is computed in float32.
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
        # Without gradients no state is stored: a validation would hold memory that nobody reads.
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
        # The first two arguments are not tensors.
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


def block(
    inputs: Tensor, weights: BlockWeights, *, eps: float = 1e-5, reverse: bool = False
) -> Tensor:
    """Run one Mamba-2 block over time, one tile of one sequence at a time in cache; see
    `ops.mamba2`. The reverse direction flips neither input nor output.

    Raises:
        InvalidInput: shapes that disagree, another device, float64, second derivatives.
        NoCKernels: no compiler; ask `binding.available` first.
    """
    check_block(inputs, weights)
    check_types(inputs=inputs, **weights._asdict())
    output: Tensor = _apply(_BLOCK, (eps, reverse), inputs, *weights)
    return output


def _block_forward(
    keep: bool, eps: float, reverse: bool, inputs: Tensor, *weights: Tensor
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    # Only a frame's features must lie together; sequences and frames are read by their strides, so
    # that time-first views are not copied.
    rows, parts = packed(inputs, 1), [packed(w, w.ndim) for w in weights]
    shape = _block_shape(rows, parts, eps, reverse)
    kept = torch.empty(call("block_kept_floats", shape)) if keep else None
    output = torch.empty(inputs.shape)
    call("block_forward", shape, parts, rows, output, kept)
    return output.to(inputs.dtype), (rows, kept, *parts)


def _block_backward(
    saved: tuple[Tensor, ...], d_outputs: tuple[Tensor], eps: float, reverse: bool
) -> tuple[Tensor, ...]:
    rows, kept, *weights = saved
    d_input, *grads = (torch.empty(part.shape) for part in (rows, *weights))
    shape = _block_shape(rows, weights, eps, reverse)
    call("block_backward", shape, weights, rows, kept, packed(d_outputs[0], 3), d_input, grads)
    return (d_input, *grads)


_BLOCK = _Passes(_block_forward, _block_backward)


def _block_shape(rows: Tensor, parts: list[Tensor], eps: float, reverse: bool) -> list[float]:
    weights = BlockWeights(*parts)
    heads = len(weights.A)
    return [
        *(*rows.shape, heads),
        *(weights.d_inner // heads, weights.d_state, weights.conv_weight.shape[2]),
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
    d_model = inputs.shape[-1]
    d_conv = weights.conv_weight.shape[-1]
    expected: dict[str, tuple[int, ...]] = {
        "in_proj": (d_inner + conv_dim + heads, d_model),
        "conv_weight": (conv_dim, 1, d_conv),
        "conv_bias": (conv_dim,),
        "dt_bias": (heads,),
        "A": (heads,),
        "D": (heads,),
        "norm_weight": (d_inner,),
        "out_proj": (d_model, d_inner),
    }
    for (name, shape), weight in zip(expected.items(), weights, strict=True):
        if weight.shape != shape:
            raise InvalidInput(
                f"{name} {shape}", f"{tuple(weight.shape)}", "Shape it as mamba-ssm's Mamba2 does."
            )
    if inputs.ndim != 3:
        raise InvalidInput(
            "inputs (batch, length, d_model)", f"{tuple(inputs.shape)}", "Give it three axes."
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
    # bfloat16 rows are read and written as they are: memory is most of a narrow layer's time.
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
    # Contiguous, as the gradient of a sum comes with strides of zero, which C does not follow.
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
    """Scale channels to unit mean square and apply GELU, in one pass where torch makes five; see
    `ops.norm`. The signal is float32 or bfloat16, the weights are float32."""
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
    # Autocast may have widened the gradient; C writes in the type it reads.
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
        weight, bias: `(width,)`, float32; the rest as in `ops.edge_embedding`.
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
    # Not packed, which converts to float32: C reads rows in bfloat16 too.
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

    Of float32 weights `(batch, pairs, frames)` as in `ops.strongest_edges`, and at most 32 nodes;
    of equal edges a node chooses the first.
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
    thread. Shapes as in `ops.eigenvectors`, without gradient. What is not finite makes its own
    matrix's vectors not finite.
    """
    n = matrices.shape[-1]
    rows = packed(matrices, matrices.ndim)
    vectors = torch.empty(*matrices.shape[:-1], n_vectors)
    call("jacobi", (rows.numel() // n**2, n, n_vectors, torch.get_num_threads()), rows, vectors)
    return vectors
