"""Backward pass through a tile's scan, gate and projection out; see `backward`. Needs Triton.

Of one head, with time downwards and L = TILE steps (log_decay l, v = u dt, h the state before):

    y (L, P) =  [ C B^T * decay ] (L, L)  @  v (L, P)   +   exp(l) * (C (L, S) @ h (S, P))
                  scores   exp(l_i - l_j), 0 above the diagonal
    h' (S, P) = exp(l_L) h + B^T @ (v exp(l_L - l))

All heads lie side by side in N columns; what belongs to one head is masked out of them, as a tensor
core takes no fewer than 16.
"""

import triton
import triton.language as tl

from brainbrr.kernels.triton.parts import (
    add_product,
    decay_between,
    dropout_factor,
    matrix,
    product,
    put_row,
    rows_of,
    silu,
    silu_slope,
    tile_inputs,
)


@triton.jit
def scan_backward(
    x,
    d_output,
    now,
    sequence,
    state,
    d_state,
    g_out,
    inner_sums,
    n_frames,
    in_proj_ptr,
    conv_weight_ptr,
    conv_bias_ptr,
    out_proj_ptr,
    seed_ptr,
    dt_bias,
    A,
    D,
    gate_norm,
    norm_weight,
    norm_bias,
    norm_eps,
    eps,
    dropout,
    D_MODEL: tl.constexpr,
    D_INNER: tl.constexpr,
    D_STATE: tl.constexpr,
    HEADDIM: tl.constexpr,
    D_CONV: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    S: tl.constexpr,
    TILE: tl.constexpr,
    REVERSE: tl.constexpr,
    DROP: tl.constexpr,
    PRECISION: tl.constexpr,
    SCAN: tl.constexpr,
):
    """Compute a tile again from the state at its start, and run it backwards.

    Args:
        d_state: (S, N), what later tiles give to the tile's last state; what this one gives to its
            first comes back.
        g_out: (N, M), gradient of out_proj; comes back with the tile's part added.
        inner_sums: rows D, A, dt_bias, gate_norm; the same.

    The other results are the gradients of the convolved x, B and C before SiLU, of the gate and of
    the step sizes before softplus.
    """
    inner, taps = tl.arange(0, N), tl.arange(0, 8)
    normed, x_conv, B_conv, C_conv, raw_dt, dt = tile_inputs(
        x, now, n_frames, in_proj_ptr, conv_weight_ptr, conv_bias_ptr, dt_bias, norm_weight,
        norm_bias, norm_eps, D_MODEL, D_INNER, D_STATE, HEADDIM, D_CONV, M, N, S, REVERSE,
        PRECISION,
    )  # fmt: skip
    u, B, C = silu(x_conv), silu(B_conv), silu(C_conv)
    log_decay = tl.cumsum(dt * A, 0)
    whole = tl.sum(dt * A, 0)[None, :]
    to_here, to_end = tl.exp(log_decay), tl.exp(whole - log_decay)
    v = u * dt
    scores = product(C, tl.trans(B), SCAN)
    y_before = to_here * product(C, state, SCAN)
    y = y_before
    for head in range(D_INNER // HEADDIM):
        weights = scores * decay_between(log_decay, inner, head, HEADDIM)
        v_head = tl.where((inner // HEADDIM == head)[None, :], v, 0.0)
        y = add_product(y, weights, v_head, SCAN)

    d_y, d_z, g_out, inner_sums = gate_backward(
        d_output, now, sequence, normed, y + D * u, g_out, inner_sums, n_frames, in_proj_ptr,
        out_proj_ptr, seed_ptr, gate_norm, eps, dropout, D_MODEL, D_INNER, M, N, REVERSE, DROP,
        PRECISION,
    )  # fmt: skip

    inner_sums = put_row(inner_sums, taps, 0, tl.sum(d_y * u, 0))
    d_scores = tl.zeros((TILE, TILE), tl.float32)
    d_v = to_end * product(B, d_state, SCAN)
    d_whole = tl.exp(tl.sum(dt * A, 0)) * tl.sum(state * d_state, 0)
    d_whole += tl.sum(v * d_v, 0)
    # Of the log decay up to a step: it scales what that step reads of the state before the tile,
    # and divides what the step leaves at the end. `d_v` holds only the latter as yet.
    d_decay = d_y * y_before - v * d_v
    for head in range(D_INNER // HEADDIM):
        decay = decay_between(log_decay, inner, head, HEADDIM)
        d_head = tl.where((inner // HEADDIM == head)[None, :], d_y, 0.0)
        d_weights = product(d_head, tl.trans(v), SCAN) * decay
        d_scores += d_weights
        # A step's decay counts for all that passes it: gains of those who read after
        # it less gains of those fed after it, so that one's own cancels to the bit.
        gains = d_weights * scores
        net = tl.sum(gains - tl.trans(gains), 1)[:, None]
        d_decay += tl.where((inner == head * HEADDIM)[None, :], net, 0.0)
        d_v = add_product(d_v, tl.trans(scores * decay), d_head, SCAN)
    d_C = product(d_scores, B, SCAN)
    d_C = add_product(d_C, d_y * to_here, tl.trans(state), SCAN)
    d_B = product(tl.trans(d_scores), C, SCAN)
    d_B = add_product(d_B, v * to_end, tl.trans(d_state), SCAN)
    # After its last use as the gradient at the tile's end.
    d_state = add_product(d_state * tl.exp(whole), tl.trans(C), d_y * to_here, PRECISION)
    # A step's own decay is in the sums of all later ones, so gradients add up from the end.
    d_decay = tl.cumsum(d_decay, 0, reverse=True) + d_whole[None, :]
    inner_sums = put_row(inner_sums, taps, 1, tl.sum(d_decay * dt, 0))
    d_dt = (d_decay * A + d_v * u) * tl.sigmoid(raw_dt)
    # Steps beyond the end have step size 0 by a mask, which this derivative does not know.
    d_dt = tl.where((now < n_frames)[:, None], d_dt, 0.0)
    inner_sums = put_row(inner_sums, taps, 2, tl.sum(d_dt, 0))

    d_x_conv = (d_v * dt + D * d_y) * silu_slope(x_conv)
    d_B_conv, d_C_conv = d_B * silu_slope(B_conv), d_C * silu_slope(C_conv)
    return d_state, g_out, inner_sums, d_x_conv, d_B_conv, d_C_conv, d_z, d_dt


@triton.jit
def gate_backward(
    d_output, now, sequence, normed, passed, g_out, inner_sums, n_frames, in_proj_ptr,
    out_proj_ptr, seed_ptr, gate_norm, eps, dropout, D_MODEL: tl.constexpr,
    D_INNER: tl.constexpr, M: tl.constexpr, N: tl.constexpr, REVERSE: tl.constexpr,
    DROP: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Go through dropout, projection out, RMSNorm and gate, to the gradients of y and z.

    `passed` is the scan's output with D's part, before the gate.
    """
    inner, model, taps = tl.arange(0, N), tl.arange(0, M), tl.arange(0, 8)
    address, exists = rows_of(d_output, now, model, n_frames, D_MODEL, REVERSE)
    d_branch = tl.load(address, mask=exists, other=0.0).to(tl.float32)
    if DROP:
        d_branch *= dropout_factor(
            seed_ptr, sequence, now, model, n_frames, dropout, D_MODEL, REVERSE
        )
    W_z = matrix(in_proj_ptr, inner, model, D_INNER, D_MODEL)
    z = product(normed, W_z, PRECISION)
    silu_z = silu(z)
    gated = passed * silu_z
    size = tl.rsqrt(tl.sum(gated * gated, 1) / D_INNER + eps)[:, None]
    gated *= size
    g_out = add_product(g_out, tl.trans(gated * gate_norm), d_branch, PRECISION)
    W_out = matrix(out_proj_ptr, model, inner, D_MODEL, D_INNER)
    d_normed = product(d_branch, tl.trans(W_out), PRECISION)
    inner_sums = put_row(inner_sums, taps, 3, tl.sum(d_normed * gated, 0))
    d_normed *= gate_norm
    along = tl.sum(d_normed * gated, 1)[:, None] / D_INNER
    d_gated = size * (d_normed - gated * along)
    d_y, d_z = d_gated * silu_z, d_gated * passed * silu_slope(z)
    return d_y, d_z, g_out, inner_sums
