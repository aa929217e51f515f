/* The Mamba-2 recurrence over one tile of time, for LANES channels and SLICE of the state's numbers, which stay in
 * registers:   s[n] = a s[n] + u B[n],   y = sum over n of C[n] s[n].
 * a = exp(dt A) and u = dt x come by channel, row by row; so do y and the gradients. */
#ifndef BRAINBRR_SCAN_TILE_H
#define BRAINBRR_SCAN_TILE_H

#include "vec.h"

#define TILE 32 /* frames; a state is kept at the start of each tile for the backward pass */
#define SLICE 8 /* numbers of the state at a time; d_state is padded to a multiple of it */

INLINE void tile_forward(float *state, const float *a, const float *u, float *y, long channel_stride, const float *B,
                         const float *C, long bc_stride, long n_frames) {
    vec s[SLICE];
    for (int n = 0; n < SLICE; n++) s[n] = load(state + n * LANES);
    for (long t = 0; t < n_frames; t++) {
        vec a_t = load(a + t * channel_stride), u_t = load(u + t * channel_stride);
        vec even = load(y + t * channel_stride), odd = splat(0.0f);
#pragma GCC unroll 8
        for (int n = 0; n < SLICE; n += 2) {
            s[n] = a_t * s[n] + u_t * splat(B[t * bc_stride + n]);
            s[n + 1] = a_t * s[n + 1] + u_t * splat(B[t * bc_stride + n + 1]);
            even += s[n] * splat(C[t * bc_stride + n]);
            odd += s[n + 1] * splat(C[t * bc_stride + n + 1]);
        }
        store(y + t * channel_stride, even + odd);
    }
    for (int n = 0; n < SLICE; n++) store(state + n * LANES, s[n]);
}

/* The states before each frame of the tile and after the last, into history (n_frames + 1, SLICE, LANES). */
INLINE void tile_states(const float *state, const float *a, const float *u, long channel_stride, const float *B,
                        long bc_stride, long n_frames, float *history) {
    vec s[SLICE];
    for (int n = 0; n < SLICE; n++) store(history + n * LANES, s[n] = load(state + n * LANES));
    for (long t = 0; t < n_frames; t++) {
        vec a_t = load(a + t * channel_stride), u_t = load(u + t * channel_stride);
        history += SLICE * LANES;
#pragma GCC unroll 8
        for (int n = 0; n < SLICE; n++) {
            s[n] = a_t * s[n] + u_t * splat(B[t * bc_stride + n]);
            store(history + n * LANES, s[n]);
        }
    }
}

/* Backwards through the tile. ds holds the gradient of the state after the tile on entry and before it on return.
 * da, du gather over slices of the state; dB, dC (n_frames, SLICE, LANES) over blocks of channels, `first` begins them. */
INLINE void tile_backward(float *ds, const float *history, const float *a, const float *u, const float *dy, float *da,
                          float *du, long channel_stride, const float *B, const float *C, long bc_stride,
                          long n_frames, float *dB, float *dC, int first) {
    vec g[SLICE];
    for (int n = 0; n < SLICE; n++) g[n] = load(ds + n * LANES);
    for (long t = n_frames - 1; t >= 0; t--) {
        vec a_t = load(a + t * channel_stride), u_t = load(u + t * channel_stride);
        vec dy_t = load(dy + t * channel_stride);
        vec da_t = load(da + t * channel_stride), du_t = load(du + t * channel_stride);
        const float *before = history + t * SLICE * LANES, *after = before + SLICE * LANES;
        float *dB_t = dB + t * SLICE * LANES, *dC_t = dC + t * SLICE * LANES;
#pragma GCC unroll 8
        for (int n = 0; n < SLICE; n++) {
            g[n] += dy_t * splat(C[t * bc_stride + n]);
            vec to_C = dy_t * load(after + n * LANES), to_B = g[n] * u_t;
            store(dC_t + n * LANES, first ? to_C : to_C + load(dC_t + n * LANES));
            store(dB_t + n * LANES, first ? to_B : to_B + load(dB_t + n * LANES));
            du_t += g[n] * splat(B[t * bc_stride + n]);
            da_t += g[n] * load(before + n * LANES);
            g[n] *= a_t;
        }
        store(da + t * channel_stride, da_t);
        store(du + t * channel_stride, du_t);
    }
    for (int n = 0; n < SLICE; n++) store(ds + n * LANES, g[n]);
}

/* All channels and all of the state through one tile; state is (slices, blocks, SLICE, LANES). y gathers. */
INLINE void whole_tile_forward(float *state, const float *a, const float *u, float *y, long channels, const float *B,
                               const float *C, long bc_stride, long d_state, long n_frames) {
    for (long n = 0; n < d_state; n += SLICE)
        for (long c = 0; c < channels; c += LANES, state += SLICE * LANES)
            tile_forward(state, a + c, u + c, y + c, channels, B + n, C + n, bc_stride, n_frames);
}

typedef struct {
    float *history; /* (TILE + 1, SLICE, LANES) */
    float *dB, *dC; /* (TILE, SLICE, LANES) each */
    float *sums;    /* (TILE, SLICE) */
} backward_scratch;

#define BACKWARD_SCRATCH_FLOATS (((3 * TILE + 1) * LANES + TILE) * SLICE + LANES)

static inline backward_scratch place_backward_scratch(float *memory) {
    backward_scratch scratch;
    scratch.history = memory;
    scratch.dB = scratch.history + (TILE + 1) * SLICE * LANES;
    scratch.dC = scratch.dB + TILE * SLICE * LANES;
    scratch.sums = scratch.dC + TILE * SLICE * LANES;
    return scratch;
}

INLINE void sum_rows(const float *rows, float *sums, float *out, long out_stride, long n_frames) {
    for (long i = 0; i < n_frames * SLICE; i += LANES) store(sums + i, sum_each(rows + i * LANES));
    for (long t = 0; t < n_frames; t++) copy_floats(out + t * out_stride, sums + t * SLICE, SLICE);
}

/* Writes dB, dC (n_frames rows of grad_bc_stride); da, du are begun here too. */
INLINE void whole_tile_backward(float *ds, const float *state, const float *a, const float *u, const float *dy,
                                float *da, float *du, long channels, const float *B, const float *C, long bc_stride,
                                long d_state, long n_frames, float *dB, float *dC, long grad_bc_stride,
                                backward_scratch scratch) {
    memset(da, 0, n_frames * channels * sizeof(float));
    memset(du, 0, n_frames * channels * sizeof(float));
    for (long n = 0; n < d_state; n += SLICE) {
        for (long c = 0; c < channels; c += LANES, state += SLICE * LANES, ds += SLICE * LANES) {
            tile_states(state, a + c, u + c, channels, B + n, bc_stride, n_frames, scratch.history);
            if (c == 0)
                tile_backward(ds, scratch.history, a + c, u + c, dy + c, da + c, du + c, channels, B + n, C + n,
                              bc_stride, n_frames, scratch.dB, scratch.dC, 1);
            else
                tile_backward(ds, scratch.history, a + c, u + c, dy + c, da + c, du + c, channels, B + n, C + n,
                              bc_stride, n_frames, scratch.dB, scratch.dC, 0);
        }
        sum_rows(scratch.dB, scratch.sums, dB + n, grad_bc_stride, n_frames);
        sum_rows(scratch.dC, scratch.sums, dC + n, grad_bc_stride, n_frames);
    }
}

#endif
