"""Every operator in plain torch, on any device: the definitions that the kernels are held to.

Axes: inputs (batch, length, d_model); x (batch, length, heads, headdim), dt (batch, length, heads),
    A and D (heads,), B and C (batch, length, 1, d_state), states (batch, heads, headdim, d_state);
    signal (batch, channels, samples); pairs (batch, pairs, frames), i < j in row order.

The selective scan is the heart of Mamba-2 (Dao and Gu 2024, "Transformers are SSMs",
arXiv 2405.21060, equation 16 and listing 1), with a scalar A per head:
    state_t = exp(dt_t A) state_(t-1) + dt_t x_t B_t        y_t = state_t C_t + D x_t
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from brainbrr.kernels.precision import full_precision

CHUNK_CPU = 16
CHUNK_CUDA = 64
CHUNKS_AT_ONCE = 64
"""Chunks whose states are joined by one matrix product; bounds memory on long recordings."""


Scan = Callable[..., tuple[Tensor, Tensor]]
"""A form of the scan: takes what `recurrence` does."""


class BlockWeights(NamedTuple):
    """Parameters of one direction as mamba-ssm shapes them; A is -exp(A_log)."""

    in_proj: Tensor  # (d_in_proj, d_model), rows [z | x | B | C | dt]
    conv_weight: Tensor  # (d_inner + 2 d_state, 1, d_conv)
    conv_bias: Tensor  # (d_inner + 2 d_state,)
    dt_bias: Tensor  # (heads,)
    A: Tensor  # (heads,), negative
    D: Tensor  # (heads,)
    norm_weight: Tensor  # (d_inner,)
    out_proj: Tensor  # (d_model, d_inner)

    @property
    def d_inner(self) -> int:
        """Width between the projections."""
        return self.norm_weight.shape[0]

    @property
    def d_state(self) -> int:
        """Size of each feature's memory."""
        return (self.conv_bias.shape[0] - self.d_inner) // 2


N_WEIGHTS = len(BlockWeights._fields)


def recurrence(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute the scan step by step: slow, and what the others are measured against.

    Returns:
        outputs like `x`, and the state after the last step.
    """
    with full_precision(x):
        u, dt, A, B, C, D, state = _prepare(x, dt, A, B, C, D, initial_state)
        outputs = []
        for t in range(u.shape[1]):
            # A is negative and dt positive, so the memory shrinks and never grows.
            decay = torch.exp(dt[:, t] * A)[..., None, None]
            step = (dt[:, t, :, None] * u[:, t])[..., None] * B[:, t, :, None, :]
            state = decay * state + step
            outputs.append((state * C[:, t, :, None, :]).sum(-1) + D[:, None] * u[:, t])
        return torch.stack(outputs, 1).to(x.dtype), state


def chunked(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
    *,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute the scan as matrix products over short chunks: any device, any length, the same
    numbers.

    Small chunks are both faster and more exact on a CPU, where the `chunk x chunk` decay of each
    head dominates.

    Args:
        x: inputs of each head.
        dt: positive step sizes.
        A: negative decay rates.
        B: what enters the state.
        C: what is read from the state.
        D: what passes by the state.
        initial_state: state before the first step; zeros when not given.
        chunk: steps computed at once; 16 on a CPU, 64 elsewhere when not given.
    """
    chunk = chunk or chunk_of(x)
    with full_precision(x):
        u, dt, A, B, C, D, state = _prepare(x, dt, A, B, C, D, initial_state)
        length = u.shape[1]
        # A step of size 0 neither decays nor feeds the state, so padding changes nothing.
        padding = -length % chunk
        padded, dt, B, C = (_pad_steps(tensor, padding) for tensor in (u, dt, B, C))
        stride = chunk * CHUNKS_AT_ONCE
        outputs = []
        for start in range(0, length, stride):
            part = slice(start, start + stride)
            y, state = _chunks(
                padded[:, part], dt[:, part], A, B[:, part], C[:, part], state, chunk
            )
            outputs.append(y)
        y = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return (y[:, :length] + D[:, None] * u).to(x.dtype), state


def chunk_of(values: Tensor) -> int:
    """Return the steps of a chunk on the device of these values."""
    return CHUNK_CPU if values.device.type == "cpu" else CHUNK_CUDA


def _chunks(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    """Scan a whole number of chunks by state-space duality."""
    batch, length, heads, headdim = x.shape
    count, d_state = length // chunk, B.shape[-1]
    # (batch, count, heads, chunk, headdim) and (batch, count, heads, chunk). Decays are multiplied
    # by adding logarithms: a product over a chunk would underflow.
    u = (x * dt[..., None]).reshape(batch, count, chunk, heads, headdim).transpose(2, 3)
    log_decay = (dt * A).reshape(batch, count, chunk, heads).transpose(2, 3).cumsum(-1)
    B = B.reshape(batch, count, chunk, d_state)
    C = C.reshape(batch, count, chunk, d_state)

    # Within a chunk: each step reads every earlier one through the decay between them.
    between = log_decay[..., :, None] - log_decay[..., None, :]
    causal = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    # Masked before the exponential: above the diagonal it would overflow.
    decay = torch.exp(between.masked_fill(~causal, -torch.inf))
    weights = (C @ B.transpose(-1, -2))[:, :, None] * decay
    within = weights @ u

    # What each chunk leaves behind, and how the chunks before it reach each chunk's start.
    to_end = torch.exp(log_decay[..., -1:] - log_decay)
    left = (u * to_end[..., None]).transpose(-1, -2) @ B[:, :, None]
    starts, final = _join(left, log_decay[..., -1], state)

    carried = (C[:, :, None] @ starts.transpose(-1, -2)) * torch.exp(log_decay)[..., None]
    y = (within + carried).transpose(2, 3).reshape(batch, length, heads, headdim)
    return y, final


def _join(left: Tensor, chunk_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the states at the start of each chunk and after the last, as one product with the
    decays between chunks."""
    batch, count, heads, headdim, d_state = left.shape
    total = F.pad(chunk_decay.transpose(1, 2).cumsum(-1), (1, 0))
    between = total[..., :, None] - total[..., None, :]
    causal = torch.ones(count + 1, count + 1, dtype=torch.bool, device=left.device).tril()
    decay = torch.exp(between.masked_fill(~causal, -torch.inf))
    entering = torch.cat([state[:, None], left], 1).transpose(1, 2).flatten(-2)
    states = (decay @ entering).reshape(batch, heads, count + 1, headdim, d_state)
    return states[:, :, :-1].transpose(1, 2), states[:, :, -1]


def _prepare(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Convert all to float32 (float64 if the input is), with a state to begin from."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    u, dt, A, B, C, D = (tensor.to(dtype) for tensor in (x, dt, A, B, C, D))
    if state is None:
        batch, _, heads, headdim = x.shape
        state = u.new_zeros(batch, heads, headdim, B.shape[-1])
    return u, dt, A, B, C, D, state.to(dtype)


def _pad_steps(tensor: Tensor, steps: int) -> Tensor:
    return F.pad(tensor, (0, 0) * (tensor.dim() - 2) + (0, steps)) if steps else tensor


def mamba2_block(
    inputs: Tensor,
    weights: BlockWeights,
    *,
    eps: float,
    scan: Scan,
    convolve: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Tensor:
    """Run one direction of Mamba-2, every step of it in plain torch but for the two given.

        in_proj -> z | x B C | dt
                   |   v       |
                   |   convolve, SiLU
                   |   v       v
                   |   scan(x, softplus(dt + dt_bias), A, B, C, D)
                   v   v
        RMSNorm(y * silu(z)) -> out_proj

    Args:
        inputs: `(batch, length, d_model)`.
        weights: of the direction.
        eps: of the RMSNorm.
        scan: form of the recurrence.
        convolve: causal convolution and SiLU of `(batch, length, channels)`.
    """
    # From the shapes, as torch.compile of torch 2.2 reads no property of a named tuple.
    heads, d_inner = weights.A.shape[0], weights.norm_weight.shape[0]
    channels = weights.conv_bias.shape[0]
    d_state = (channels - d_inner) // 2
    projected = F.linear(inputs, weights.in_proj)
    gate, xbc, dt = torch.split(projected, [d_inner, channels, heads], -1)
    xbc = convolve(xbc, weights.conv_weight, weights.conv_bias)
    x, B, C = torch.split(xbc, [d_inner, d_state, d_state], -1)
    # Step sizes and rates in float32 under autocast too: they stand in an exponent.
    dtype = torch.promote_types(projected.dtype, torch.float32)
    step = F.softplus(dt.to(dtype) + weights.dt_bias.to(dtype))
    x = x.reshape(*x.shape[:-1], heads, d_inner // heads)
    y, _ = scan(x, step, weights.A.to(dtype), B.unsqueeze(2), C.unsqueeze(2), weights.D)
    # The gate comes before the norm (mamba-ssm's norm_before_gate=False).
    return F.linear(gated_norm(y.flatten(-2), gate, weights.norm_weight, eps), weights.out_proj)


def convolve(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply the causal depthwise convolution and SiLU to `(batch, length, channels)`."""
    n_taps = weight.shape[-1]
    # Padded on both sides; what hangs over at the end would see the future and is cut.
    out = F.conv1d(inputs.transpose(1, 2), weight, bias, padding=n_taps - 1, groups=weight.shape[0])
    return F.silu(out[..., : inputs.shape[1]].transpose(1, 2))


def gated_norm(values: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Return the root-mean-square norm of the gated values, computed in float32."""
    dtype = torch.promote_types(values.dtype, torch.float32)
    gated = values.to(dtype) * F.silu(gate.to(dtype))
    scale = torch.rsqrt(gated.square().mean(-1, keepdim=True) + eps)
    return (gated * scale * weight.to(dtype)).to(gate.dtype)


def norm(signal: Tensor, weight: Tensor, bias: Tensor, floor: float, activate: bool) -> Tensor:
    """Return `x / sqrt(mean over channels of x ** 2 + floor) * weight + bias`, or GELU of it."""
    # Squares of half precision overflow, so all is done in float32 and rounded once.
    wide = signal.to(torch.promote_types(signal.dtype, torch.float32))
    scale = torch.rsqrt(wide.square().mean(1, keepdim=True) + floor)
    normed = wide * scale * weight[:, None] + bias[:, None]
    return (F.gelu(normed) if activate else normed).to(signal.dtype)


def edge_embedding(numbers: Tensor, weight: Tensor, bias: Tensor, scale: float) -> Tensor:
    """Return `tanh(scale * number * weight + bias)`: `(..., width)` of `(...)`."""
    return torch.tanh(F.linear(numbers[..., None] * scale, weight, bias))


def edge_head(
    rows: Tensor, norm_weight: Tensor, norm_bias: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    """Return one number per row, `weight . layer_norm(row) + bias`: `(...)` of `(..., width)`."""
    normed = F.layer_norm(rows, norm_weight.shape, norm_weight, norm_bias, eps)
    return F.linear(normed, weight, bias).squeeze(-1)


def strongest_edges(weights: Tensor, observed: Tensor, n_neighbours: int) -> Tensor:
    """Keep the edges that at least one of their two ends counts among its strongest; see `ops`."""
    return nearest_neighbours(matrices_of(weights, observed.shape[1]), observed, n_neighbours)


def nearest_neighbours(matrices: Tensor, observed: Tensor, n_neighbours: int) -> Tensor:
    """Keep the strongest edges of symmetric, positive `(batch, frames, n, n)`.

    Returns:
        Symmetric adjacency with a zero diagonal.
    """
    n = matrices.shape[-1]
    possible = observed[:, :, None] & observed[:, None, :]
    possible = possible & ~torch.eye(n, dtype=torch.bool, device=matrices.device)
    possible = possible[:, None]
    candidates = matrices.detach().masked_fill(~possible, -torch.inf)
    chosen = candidates.topk(min(n_neighbours, n - 1), -1).indices
    either = torch.zeros_like(matrices, dtype=torch.bool).scatter(-1, chosen, True)
    # An electrode with fewer neighbors than it may choose picks impossible ones as well.
    either = (either | either.transpose(-1, -2)) & possible
    return torch.where(either, matrices, 0.0)


def pairs_of(matrices: Tensor) -> Tensor:
    """Return the upper triangle of `(batch, frames, n, n)` as `(batch, pairs, frames)`."""
    n = matrices.shape[-1]
    row, column = torch.triu_indices(n, n, 1, device=matrices.device)
    return matrices.flatten(-2)[..., row * n + column].transpose(1, 2)


def matrices_of(pairs: Tensor, n: int) -> Tensor:
    """Return symmetric `(batch, frames, n, n)` with a zero diagonal of `(batch, pairs, frames)`."""
    row, column = torch.triu_indices(n, n, 1, device=pairs.device)
    # Every entry of the matrix reads its pair; the diagonal reads an appended zero.
    source = torch.full((n, n), row.shape[0], device=pairs.device)
    order = torch.arange(row.shape[0], device=pairs.device)
    source[row, column] = order
    source[column, row] = order
    padded = F.pad(pairs.transpose(1, 2), (0, 1))
    return padded[..., source.flatten()].reshape(*padded.shape[:2], n, n)
