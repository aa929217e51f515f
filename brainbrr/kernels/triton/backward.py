"""The way back of the fused layer: a Triton kernel, one launch a direction. Needs Triton.

Each tile is computed again from the state at its start, then run backwards; the derivatives of the
scan are products of matrices too. A program takes every n-th sequence and sums what the weights
receive, so that no two programs add to one number and each run gives the same bits.
"""

import triton
import triton.language as tl

from brainbrr.kernels.triton.parts import (
    add_product,
    convolution_back,
    matrix,
    normed_rows,
    place_of,
    product,
    put_row,
    repeated,
    room,
    silu,
    step_matrix,
    store_matrix,
    store_sums,
    tile_inputs,
    vector,
)
from brainbrr.kernels.triton.scan_backward import scan_back


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
    """One direction of every n-th sequence, last step first; the reverse one completes the layer.

    Between the launches `d_x` holds what the first direction gives to the norm. `starts` is this
    program's room for the states between two kept ones, `partial` its row of sums, in the order of
    `fused_operator._sum_sizes`.
    """
    step, model = tl.arange(0, TILE), tl.arange(0, M)
    inner, memory, taps = tl.arange(0, N), tl.arange(0, S), tl.arange(0, 8)
    norm_weight = vector(norm_weight_ptr, model, D_MODEL)
    norm_bias = vector(norm_bias_ptr, model, D_MODEL)
    dt_bias = repeated(dt_bias_ptr, inner, D_INNER, HEADDIM)[None, :]
    A = repeated(A_ptr, inner, D_INNER, HEADDIM)[None, :]
    D = repeated(D_ptr, inner, D_INNER, HEADDIM)[None, :]
    gate_norm = vector(gate_norm_ptr, inner, D_INNER)[None, :]
    state_place = memory[:, None] * D_INNER + inner[None, :]
    state_there = (memory < D_STATE)[:, None] & (inner < D_INNER)[None, :]
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

    # Columns of `inside`: gradients of the convolved x, B and C, of the gate and of the step sizes.
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
        d_state = tl.zeros((S, N), tl.float32)
        # Beyond the last chunk nothing reaches back through the convolution.
        beyond = n_chunks * TILES_KEPT * TILE + step
        tl.store(room(inside, beyond, inner, WIDTH, RING), tl.zeros((TILE, N), stored))
        tl.store(room(inside, beyond, N + memory, WIDTH, RING), tl.zeros((TILE, S), stored))
        tl.store(room(inside, beyond, N + S + memory, WIDTH, RING), tl.zeros((TILE, S), stored))
        for chunk in range(n_chunks - 1, -1, -1):
            # States at the starts of the chunk's tiles.
            kept = kept_ptr + (sequence * n_chunks + chunk) * (D_STATE * D_INNER)
            state = tl.load(kept + state_place, mask=state_there, other=0.0)
            for i in range(TILES_KEPT - 1):
                tl.store(starts + i * D_STATE * D_INNER + state_place, state, mask=state_there)
                now = (chunk * TILES_KEPT + i) * TILE + step
                _, x_conv, B_conv, _, _, dt = tile_inputs(
                    x, now, n_frames, in_proj_ptr, conv_weight_ptr, conv_bias_ptr, dt_bias,
                    norm_weight, norm_bias, norm_eps, D_MODEL, D_INNER, D_STATE, HEADDIM, D_CONV,
                    M, N, S, REVERSE, PRECISION,
                )  # fmt: skip
                whole = tl.sum(dt * A, 0)[None, :]
                left = silu(x_conv) * dt * tl.exp(whole - tl.cumsum(dt * A, 0))
                state = add_product(state * tl.exp(whole), tl.trans(silu(B_conv)), left, SCAN)
            last = starts + (TILES_KEPT - 1) * D_STATE * D_INNER
            tl.store(last + state_place, state, mask=state_there)
            # A thread may read what another one wrote.
            tl.debug_barrier()
            for i in range(TILES_KEPT - 1, -1, -1):
                state = tl.load(
                    starts + i * D_STATE * D_INNER + state_place, mask=state_there, other=0.0
                )
                now = (chunk * TILES_KEPT + i) * TILE + step
                d_state, g_out, inner_sums, d_x_conv, d_B_conv, d_C_conv, d_z, d_dt = scan_back(
                    x, d_output, now, sequence, state, d_state, g_out, inner_sums, n_frames,
                    in_proj_ptr, conv_weight_ptr, conv_bias_ptr, out_proj_ptr, seed_ptr, dt_bias,
                    A, D, gate_norm, norm_weight, norm_bias, norm_eps, eps, dropout, D_MODEL,
                    D_INNER, D_STATE, HEADDIM, D_CONV, M, N, S, TILE, REVERSE, DROP, PRECISION,
                    SCAN,
                )  # fmt: skip
                tl.store(room(inside, now, inner, WIDTH, RING), d_x_conv.to(stored))
                tl.store(room(inside, now, N + memory, WIDTH, RING), d_B_conv.to(stored))
                tl.store(room(inside, now, N + S + memory, WIDTH, RING), d_C_conv.to(stored))
                tl.store(room(inside, now, N + 2 * S + inner, WIDTH, RING), d_z.to(stored))
                tl.store(room(inside, now, 2 * N + 2 * S + inner, WIDTH, RING), d_dt.to(stored))
            tl.debug_barrier()
            # Through the convolution and the projection, of which a step's reaches into later ones.
            for i in range(TILES_KEPT):
                now = (chunk * TILES_KEPT + i) * TILE + step
                normed, unit, scale = normed_rows(
                    x, now, model, n_frames, norm_weight, norm_bias, norm_eps, D_MODEL, REVERSE
                )
                columns = tl.trans(normed)
                d_z = tl.load(room(inside, now, N + 2 * S + inner, WIDTH, RING)).to(tl.float32)
                g_z = add_product(g_z, columns, d_z, PRECISION)
                W_z = matrix(in_proj_ptr, inner, model, D_INNER, D_MODEL)
                d_rows = product(d_z, tl.trans(W_z), PRECISION)
                d_dt = tl.load(room(inside, now, 2 * N + 2 * S + inner, WIDTH, RING)).to(tl.float32)
                g_dt = add_product(g_dt, columns, d_dt, PRECISION)
                W_dt = step_matrix(in_proj_ptr, model, inner, D_MODEL, D_INNER, D_STATE, HEADDIM)
                d_rows = add_product(d_rows, d_dt, tl.trans(W_dt), PRECISION)
                W_x = matrix(in_proj_ptr + D_INNER * D_MODEL, inner, model, D_INNER, D_MODEL)
                d_x_in, x_sums = convolution_back(
                    inside,
                    now,
                    0,
                    product(normed, W_x, PRECISION),
                    conv_weight_ptr,
                    x_sums,
                    taps,
                    inner,
                    0,
                    D_INNER,
                    D_CONV,
                    WIDTH,
                    RING,
                )
                g_x = add_product(g_x, columns, d_x_in, PRECISION)
                d_rows = add_product(d_rows, d_x_in, tl.trans(W_x), PRECISION)
                in_B = in_proj_ptr + 2 * D_INNER * D_MODEL
                W_B = matrix(in_B, memory, model, D_STATE, D_MODEL)
                d_B_in, B_sums = convolution_back(
                    inside,
                    now,
                    N,
                    product(normed, W_B, PRECISION),
                    conv_weight_ptr,
                    B_sums,
                    taps,
                    memory,
                    D_INNER,
                    D_STATE,
                    D_CONV,
                    WIDTH,
                    RING,
                )
                g_B = add_product(g_B, columns, d_B_in, PRECISION)
                d_rows = add_product(d_rows, d_B_in, tl.trans(W_B), PRECISION)
                W_C = matrix(in_B + D_STATE * D_MODEL, memory, model, D_STATE, D_MODEL)
                d_C_in, C_sums = convolution_back(
                    inside,
                    now,
                    N + S,
                    product(normed, W_C, PRECISION),
                    conv_weight_ptr,
                    C_sums,
                    taps,
                    memory,
                    D_INNER + D_STATE,
                    D_STATE,
                    D_CONV,
                    WIDTH,
                    RING,
                )
                g_C = add_product(g_C, columns, d_C_in, PRECISION)
                d_rows = add_product(d_rows, d_C_in, tl.trans(W_C), PRECISION)
                # Through the layer norm, once both directions have been here.
                d_place, there = place_of(d_x, now, model, n_frames, D_MODEL, REVERSE)
                if REVERSE:
                    d_rows += tl.load(d_place, mask=there, other=0.0).to(tl.float32)
                    norm_sums = put_row(norm_sums, taps, 0, tl.sum(d_rows * unit, 0))
                    norm_sums = put_row(norm_sums, taps, 1, tl.sum(d_rows, 0))
                    d_rows *= norm_weight[None, :]
                    along = tl.sum(d_rows * unit, 1)[:, None] / D_MODEL
                    d_rows = d_rows - tl.sum(d_rows, 1)[:, None] / D_MODEL - unit * along
                    place, there = place_of(d_output, now, model, n_frames, D_MODEL, REVERSE)
                    passed_by = tl.load(place, mask=there, other=0.0).to(tl.float32)
                    d_rows = passed_by + d_rows * scale[:, None]
                tl.store(d_place, d_rows.to(d_x_ptr.dtype.element_ty), mask=there)
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
