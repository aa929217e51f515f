"""Forward pass of the fused layer: a Triton kernel, one launch per direction. Needs Triton.

A program walks through the tiles of one sequence in the direction's order and keeps all between
input and output in registers. Within a tile the scan is a product of matrices, as in
`reference.chunked`; between tiles the state is carried.
"""

import triton
import triton.language as tl

from brainbrr.kernels.triton.parts import (
    add_product,
    decay_between,
    dropout_factor,
    matrix,
    product,
    repeated,
    rows_of,
    silu,
    tile_inputs,
    vector,
)


@triton.jit
def forward_kernel(
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
    output_ptr,
    kept_ptr,
    seed_ptr,
    n_frames,
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
    KEEP: tl.constexpr,
    PRECISION: tl.constexpr,
    SCAN: tl.constexpr,
):
    """Run one direction of one sequence; the reverse one runs second and completes the layer.

    Between the launches `output` holds the first direction's part. `kept` takes the state at the
    start of each `TILES_KEPT` tiles.
    """
    sequence = tl.program_id(0).to(tl.int64)
    step, model = tl.arange(0, TILE), tl.arange(0, M)
    inner, memory = tl.arange(0, N), tl.arange(0, S)
    x = x_ptr + sequence * n_frames * D_MODEL
    output = output_ptr + sequence * n_frames * D_MODEL
    norm_weight = vector(norm_weight_ptr, model, D_MODEL)
    norm_bias = vector(norm_bias_ptr, model, D_MODEL)
    dt_bias = repeated(dt_bias_ptr, inner, D_INNER, HEADDIM)[None, :]
    A = repeated(A_ptr, inner, D_INNER, HEADDIM)[None, :]
    D = repeated(D_ptr, inner, D_INNER, HEADDIM)[None, :]
    gate_norm = vector(gate_norm_ptr, inner, D_INNER)[None, :]
    state_offset = memory[:, None] * D_INNER + inner[None, :]
    state_exists = (memory < D_STATE)[:, None] & (inner < D_INNER)[None, :]

    n_tiles = tl.cdiv(n_frames, TILE)
    kept = kept_ptr + sequence * tl.cdiv(n_tiles, TILES_KEPT) * (D_STATE * D_INNER)
    state = tl.zeros((S, N), tl.float32)
    for tile in range(n_tiles):
        if KEEP:  # noqa: SIM102  # decided when compiled, the other in each turn
            if tile % TILES_KEPT == 0:
                tl.store(kept + state_offset, state, mask=state_exists)
                kept += D_STATE * D_INNER
        now = tile * TILE + step
        normed, x_conv, B_conv, C_conv, _, dt = tile_inputs(
            x, now, n_frames, in_proj_ptr, conv_weight_ptr, conv_bias_ptr, dt_bias, norm_weight,
            norm_bias, norm_eps, D_MODEL, D_INNER, D_STATE, HEADDIM, D_CONV, M, N, S, REVERSE,
            PRECISION,
        )  # fmt: skip
        u, B, C = silu(x_conv), silu(B_conv), silu(C_conv)
        # Decays as sums of logarithms: their product over a tile would underflow.
        log_decay = tl.cumsum(dt * A, 0)
        whole = tl.sum(dt * A, 0)[None, :]
        v = u * dt
        y = tl.exp(log_decay) * product(C, state, SCAN) + D * u
        scores = product(C, tl.trans(B), SCAN)
        # The scores are the same for all heads, the decays between steps are not.
        for head in range(D_INNER // HEADDIM):
            weights = scores * decay_between(log_decay, inner, head, HEADDIM)
            v_head = tl.where((inner // HEADDIM == head)[None, :], v, 0.0)
            y = add_product(y, weights, v_head, SCAN)
        # What each step leaves in the state at the tile's end; the exponent is never positive.
        left = v * tl.exp(whole - log_decay)
        state *= tl.exp(whole)
        state = add_product(state, tl.trans(B), left, SCAN)

        # The gate is computed only now: earlier it would hold registers through the scan.
        W_z = matrix(in_proj_ptr, inner, model, D_INNER, D_MODEL)
        z = product(normed, W_z, PRECISION)
        gated = y * silu(z)
        gated *= tl.rsqrt(tl.sum(gated * gated, 1) / D_INNER + eps)[:, None] * gate_norm
        W_out = matrix(out_proj_ptr, model, inner, D_MODEL, D_INNER)
        out = product(gated, W_out, PRECISION)

        address, exists = rows_of(output, now, model, n_frames, D_MODEL, REVERSE)
        if REVERSE:
            out += tl.load(address, mask=exists, other=0.0).to(tl.float32)
            if DROP:
                out *= dropout_factor(
                    seed_ptr, sequence, now, model, n_frames, dropout, D_MODEL, REVERSE
                )
            x_address, exists = rows_of(x, now, model, n_frames, D_MODEL, REVERSE)
            out += tl.load(x_address, mask=exists, other=0.0).to(tl.float32)
        tl.store(address, out.to(output_ptr.dtype.element_ty), mask=exists)
