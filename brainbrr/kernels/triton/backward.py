"""Backward pass of the fused layer: a Triton kernel, one launch per direction. Needs Triton.

Each tile is computed again from the state at its start, then run backwards; the derivatives of the
scan are products of matrices too. A program takes every n-th sequence and sums what the weights
receive, so that no two programs add to one number and each run gives the same bits.

A chunk is TILES_KEPT tiles of TILE steps, and chunks run from the last to the first:

    memory of the GPU   kept      state at the start of each chunk, from the forward pass
    a program's own     starts    states at the starts of this chunk's tiles
                        inside    a ring of rows, one per step, TILES_KEPT + 1 tiles long:
                                  | d_x N | d_B S | d_C S | d_z N | d_dt N |
    registers           g_*       gradients of in_proj's columns (M, N or S) and out_proj (N, M)
                        *_sums    gradients of vectors, one per row

    1. replay           first tile to last    kept -> starts
    2. scan_backward    last tile to first    starts, d_output -> inside, d_state
    3. input_backward   first tile to last    inside -> d_x: a step's gradient through the
                        convolution comes from up to D_CONV - 1 later steps, so the ring holds
                        the first tile of the chunk after this one, too
"""

import triton
import triton.language as tl

from brainbrr.kernels.triton.parts import (
    add_product,
    convolution_backward,
    matrix,
    normed_rows,
    product,
    put_row,
    repeated,
    ring,
    rows_of,
    silu,
    step_matrix,
    store_matrix,
    store_sums,
    tile_inputs,
    vector,
)
from brainbrr.kernels.triton.scan_backward import scan_backward


@triton.jit
def backward_kernel(
    x_ptr,
    in_proj_ptr,
    conv_weight_ptr,
    conv_bias_ptr,
    dt_bias_ptr,
    A_ptr,
    D_ptr,
    gate_norm_ptr,
    out_proj_ptr,
    norm_weight_ptr,
    norm_bias_ptr,
    d_output_ptr,
    d_x_ptr,
    kept_ptr,
    starts_ptr,
    inside_ptr,
    partial_ptr,
    seed_ptr,
    n_sequences,
    n_frames,
    n_partial,
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
    TILES_KEPT: tl.constexpr,
    REVERSE: tl.constexpr,
    DROP: tl.constexpr,
    PRECISION: tl.constexpr,
    SCAN: tl.constexpr,
):
    """Run one direction of every n-th sequence, last step first; the reverse one completes the
    layer.

    Between the launches `d_x` holds what the first direction gives to the norm. `partial` is this
    program's row of sums, in the order of `layer._sum_sizes`.
    """
    step, model = tl.arange(0, TILE), tl.arange(0, M)
    inner, memory, taps = tl.arange(0, N), tl.arange(0, S), tl.arange(0, 8)
    norm_weight = vector(norm_weight_ptr, model, D_MODEL)
    norm_bias = vector(norm_bias_ptr, model, D_MODEL)
    dt_bias = repeated(dt_bias_ptr, inner, D_INNER, HEADDIM)[None, :]
    A = repeated(A_ptr, inner, D_INNER, HEADDIM)[None, :]
    D = repeated(D_ptr, inner, D_INNER, HEADDIM)[None, :]
    gate_norm = vector(gate_norm_ptr, inner, D_INNER)[None, :]
    state_offset = memory[:, None] * D_INNER + inner[None, :]
    state_exists = (memory < D_STATE)[:, None] & (inner < D_INNER)[None, :]
    starts = starts_ptr + tl.program_id(0).to(tl.int64) * (TILES_KEPT * D_STATE * D_INNER)

    g_z = tl.zeros((M, N), tl.float32)
    g_x = tl.zeros((M, N), tl.float32)
    g_B = tl.zeros((M, S), tl.float32)
    g_C = tl.zeros((M, S), tl.float32)
    g_dt = tl.zeros((M, N), tl.float32)
    g_out = tl.zeros((N, M), tl.float32)
    # Rows: taps of the convolution, its bias; and D, A, dt_bias, gate_norm; norm's weight and bias.
    x_sums = tl.zeros((8, N), tl.float32)
    B_sums = tl.zeros((8, S), tl.float32)
    C_sums = tl.zeros((8, S), tl.float32)
    inner_sums = tl.zeros((8, N), tl.float32)
    norm_sums = tl.zeros((8, M), tl.float32)

    WIDTH: tl.constexpr = 3 * N + 2 * S
    RING: tl.constexpr = (TILES_KEPT + 1) * TILE
    inside = inside_ptr + tl.program_id(0).to(tl.int64) * (RING * WIDTH)
    stored = inside_ptr.dtype.element_ty
    n_chunks = tl.cdiv(n_frames, TILE * TILES_KEPT)
    for turn in range(tl.cdiv(n_sequences - tl.program_id(0), tl.num_programs(0))):
        sequence = tl.program_id(0).to(tl.int64) + turn * tl.num_programs(0)
        x = x_ptr + sequence * n_frames * D_MODEL
        d_x = d_x_ptr + sequence * n_frames * D_MODEL
        d_output = d_output_ptr + sequence * n_frames * D_MODEL
        # Nobody reads the state after the last step.
        d_state = tl.zeros((S, N), tl.float32)
        # Beyond the last chunk nothing reaches back through the convolution.
        beyond = n_chunks * TILES_KEPT * TILE + step
        tl.store(ring(inside, beyond, inner, WIDTH, RING), tl.zeros((TILE, N), stored))
        tl.store(ring(inside, beyond, N + memory, WIDTH, RING), tl.zeros((TILE, S), stored))
        tl.store(ring(inside, beyond, N + S + memory, WIDTH, RING), tl.zeros((TILE, S), stored))
        for chunk in range(n_chunks - 1, -1, -1):
            kept = kept_ptr + (sequence * n_chunks + chunk) * (D_STATE * D_INNER)
            replay(
                kept, starts, x, chunk, n_frames, in_proj_ptr, conv_weight_ptr, conv_bias_ptr,
                dt_bias, A, norm_weight, norm_bias, norm_eps, D_MODEL, D_INNER, D_STATE, HEADDIM,
                D_CONV, M, N, S, TILE, TILES_KEPT, REVERSE, PRECISION, SCAN,
            )  # fmt: skip
            # A thread may read what another one wrote.
            tl.debug_barrier()
            for i in range(TILES_KEPT - 1, -1, -1):
                state = tl.load(
                    starts + i * D_STATE * D_INNER + state_offset, mask=state_exists, other=0.0
                )
                now = (chunk * TILES_KEPT + i) * TILE + step
                d_state, g_out, inner_sums, d_x_conv, d_B_conv, d_C_conv, d_z, d_dt = scan_backward(
                    x, d_output, now, sequence, state, d_state, g_out, inner_sums, n_frames,
                    in_proj_ptr, conv_weight_ptr, conv_bias_ptr, out_proj_ptr, seed_ptr, dt_bias,
                    A, D, gate_norm, norm_weight, norm_bias, norm_eps, eps, dropout, D_MODEL,
                    D_INNER, D_STATE, HEADDIM, D_CONV, M, N, S, TILE, REVERSE, DROP, PRECISION,
                    SCAN,
                )  # fmt: skip
                tl.store(ring(inside, now, inner, WIDTH, RING), d_x_conv.to(stored))
                tl.store(ring(inside, now, N + memory, WIDTH, RING), d_B_conv.to(stored))
                tl.store(ring(inside, now, N + S + memory, WIDTH, RING), d_C_conv.to(stored))
                tl.store(ring(inside, now, N + 2 * S + inner, WIDTH, RING), d_z.to(stored))
                tl.store(ring(inside, now, 2 * N + 2 * S + inner, WIDTH, RING), d_dt.to(stored))
            tl.debug_barrier()
            for i in range(TILES_KEPT):
                now = (chunk * TILES_KEPT + i) * TILE + step
                g_z, g_x, g_B, g_C, g_dt, x_sums, B_sums, C_sums, norm_sums = input_backward(
                    x, d_x, d_output, inside, now, g_z, g_x, g_B, g_C, g_dt, x_sums, B_sums,
                    C_sums, norm_sums, n_frames, in_proj_ptr, conv_weight_ptr, norm_weight,
                    norm_bias, norm_eps, D_MODEL, D_INNER, D_STATE, HEADDIM, D_CONV, M, N, S,
                    WIDTH, RING, REVERSE, PRECISION,
                )  # fmt: skip
            tl.debug_barrier()

    n_channels = D_INNER + 2 * D_STATE
    partial = partial_ptr + tl.program_id(0).to(tl.int64) * n_partial
    store_matrix(partial, g_z, inner, model, D_INNER, D_MODEL)
    partial += D_INNER * D_MODEL
    store_matrix(partial, g_x, inner, model, D_INNER, D_MODEL)
    partial += D_INNER * D_MODEL
    store_matrix(partial, g_B, memory, model, D_STATE, D_MODEL)
    partial += D_STATE * D_MODEL
    store_matrix(partial, g_C, memory, model, D_STATE, D_MODEL)
    partial += D_STATE * D_MODEL
    store_matrix(partial, g_dt, inner, model, D_INNER, D_MODEL)
    partial += D_INNER * D_MODEL
    store_sums(partial, x_sums, taps, inner, 0, D_INNER, n_channels, D_CONV)
    store_sums(partial, B_sums, taps, memory, D_INNER, D_STATE, n_channels, D_CONV)
    store_sums(partial, C_sums, taps, memory, D_INNER + D_STATE, D_STATE, n_channels, D_CONV)
    partial += n_channels * (D_CONV + 1)
    store_matrix(partial, tl.trans(inner_sums), taps, inner, 4, D_INNER)
    partial += 4 * D_INNER
    store_matrix(partial, g_out, model, inner, D_MODEL, D_INNER)
    partial += D_INNER * D_MODEL
    store_matrix(partial, tl.trans(norm_sums), taps, model, 2, D_MODEL)


@triton.jit
def replay(
    kept, starts, x, chunk, n_frames, in_proj, conv_weight, conv_bias, dt_bias, A, norm_weight,
    norm_bias, norm_eps, D_MODEL: tl.constexpr, D_INNER: tl.constexpr, D_STATE: tl.constexpr,
    HEADDIM: tl.constexpr, D_CONV: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    S: tl.constexpr, TILE: tl.constexpr, TILES_KEPT: tl.constexpr, REVERSE: tl.constexpr,
    PRECISION: tl.constexpr, SCAN: tl.constexpr,
):  # fmt: skip
    """Compute a chunk's states again, from the kept one at its start, and store them in `starts`.

    The forward pass keeps one state in TILES_KEPT: recomputing three costs less than reading them.
    """
    step, inner, memory = tl.arange(0, TILE), tl.arange(0, N), tl.arange(0, S)
    offset = memory[:, None] * D_INNER + inner[None, :]
    exists = (memory < D_STATE)[:, None] & (inner < D_INNER)[None, :]
    state = tl.load(kept + offset, mask=exists, other=0.0)
    for i in range(TILES_KEPT - 1):
        tl.store(starts + i * D_STATE * D_INNER + offset, state, mask=exists)
        now = (chunk * TILES_KEPT + i) * TILE + step
        _, x_conv, B_conv, _, _, dt = tile_inputs(
            x, now, n_frames, in_proj, conv_weight, conv_bias, dt_bias, norm_weight, norm_bias,
            norm_eps, D_MODEL, D_INNER, D_STATE, HEADDIM, D_CONV, M, N, S, REVERSE, PRECISION,
        )  # fmt: skip
        whole = tl.sum(dt * A, 0)[None, :]
        left = silu(x_conv) * dt * tl.exp(whole - tl.cumsum(dt * A, 0))
        state = add_product(state * tl.exp(whole), tl.trans(silu(B_conv)), left, SCAN)
    tl.store(starts + (TILES_KEPT - 1) * D_STATE * D_INNER + offset, state, mask=exists)


@triton.jit
def input_backward(
    x, d_x, d_output, inside, now, g_z, g_x, g_B, g_C, g_dt, x_sums, B_sums, C_sums, norm_sums,
    n_frames, in_proj, conv_weight, norm_weight, norm_bias, norm_eps, D_MODEL: tl.constexpr,
    D_INNER: tl.constexpr, D_STATE: tl.constexpr, HEADDIM: tl.constexpr, D_CONV: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, S: tl.constexpr, WIDTH: tl.constexpr, RING: tl.constexpr,
    REVERSE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Go from a tile's rows of `inside` through convolution, projection and, in the second
    launch, the layer norm, to `d_x`.

    The sums come back with the tile's part added.
    """
    model, inner, memory = tl.arange(0, M), tl.arange(0, N), tl.arange(0, S)
    taps = tl.arange(0, 8)
    normed, unit, scale = normed_rows(
        x, now, model, n_frames, norm_weight, norm_bias, norm_eps, D_MODEL, REVERSE
    )
    columns = tl.trans(normed)
    # Gate and step sizes pass by the convolution.
    d_z = tl.load(ring(inside, now, N + 2 * S + inner, WIDTH, RING)).to(tl.float32)
    g_z = add_product(g_z, columns, d_z, PRECISION)
    W_z = matrix(in_proj, inner, model, D_INNER, D_MODEL)
    d_rows = product(d_z, tl.trans(W_z), PRECISION)
    d_dt = tl.load(ring(inside, now, 2 * N + 2 * S + inner, WIDTH, RING)).to(tl.float32)
    g_dt = add_product(g_dt, columns, d_dt, PRECISION)
    W_dt = step_matrix(in_proj, model, inner, D_MODEL, D_INNER, D_STATE, HEADDIM)
    d_rows = add_product(d_rows, d_dt, tl.trans(W_dt), PRECISION)
    in_x = in_proj + D_INNER * D_MODEL
    in_B = in_proj + 2 * D_INNER * D_MODEL
    in_C = in_B + D_STATE * D_MODEL
    g_x, x_sums, d_rows = channels_backward(
        inside, now, 0, normed, in_x, conv_weight, g_x, x_sums, d_rows, inner, 0, D_INNER,
        D_MODEL, D_CONV, M, WIDTH, RING, PRECISION,
    )  # fmt: skip
    g_B, B_sums, d_rows = channels_backward(
        inside, now, N, normed, in_B, conv_weight, g_B, B_sums, d_rows, memory, D_INNER, D_STATE,
        D_MODEL, D_CONV, M, WIDTH, RING, PRECISION,
    )  # fmt: skip
    g_C, C_sums, d_rows = channels_backward(
        inside, now, N + S, normed, in_C, conv_weight, g_C, C_sums, d_rows, memory,
        D_INNER + D_STATE, D_STATE, D_MODEL, D_CONV, M, WIDTH, RING, PRECISION,
    )  # fmt: skip
    d_address, exists = rows_of(d_x, now, model, n_frames, D_MODEL, REVERSE)
    if REVERSE:
        # Through the layer norm, once both directions have been here.
        d_rows += tl.load(d_address, mask=exists, other=0.0).to(tl.float32)
        norm_sums = put_row(norm_sums, taps, 0, tl.sum(d_rows * unit, 0))
        norm_sums = put_row(norm_sums, taps, 1, tl.sum(d_rows, 0))
        d_rows *= norm_weight[None, :]
        along = tl.sum(d_rows * unit, 1)[:, None] / D_MODEL
        d_rows = d_rows - tl.sum(d_rows, 1)[:, None] / D_MODEL - unit * along
        address, exists = rows_of(d_output, now, model, n_frames, D_MODEL, REVERSE)
        passed_by = tl.load(address, mask=exists, other=0.0).to(tl.float32)
        d_rows = passed_by + d_rows * scale[:, None]
    tl.store(d_address, d_rows.to(d_x.dtype.element_ty), mask=exists)
    return g_z, g_x, g_B, g_C, g_dt, x_sums, B_sums, C_sums, norm_sums


@triton.jit
def channels_backward(
    inside, now, first_column, normed, weight, conv_weight, g, sums, d_rows, channel, first, n,
    D_MODEL: tl.constexpr, D_CONV: tl.constexpr, M: tl.constexpr, WIDTH: tl.constexpr,
    RING: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Go through convolution and projection of one group of channels: x, B or C.

    Of n channels from `first` among all, whose gradients begin at `first_column` of `inside`.
    Returns `g`, `sums` and `d_rows` (the gradient of the normed rows) with their part added.
    """
    W = matrix(weight, channel, tl.arange(0, M), n, D_MODEL)
    d_projected, sums = convolution_backward(
        inside, now, first_column, product(normed, W, PRECISION), conv_weight, sums,
        tl.arange(0, 8), channel, first, n, D_CONV, WIDTH, RING,
    )  # fmt: skip
    g = add_product(g, tl.trans(normed), d_projected, PRECISION)
    return g, sums, add_product(d_rows, d_projected, tl.trans(W), PRECISION)
