/* The steps of a Mamba-2 block over one tile of frames, forwards and back. Rows are frames. */
#ifndef BRAINBRR_BLOCK_TILE_H
#define BRAINBRR_BLOCK_TILE_H

#include "block.h"

/* The tile's rows of z xBC dt, from the first frame after the halo. */
INLINE float *rows_of(const block_buffers *b, const block_plan *p) { return b->zx + p->halo * p->row; }

/* LANES columns from the first row of the halo on; the last `halo` rows are carried in registers. */
INLINE void convolve_columns(const float *zx, long row, const float *conv, vec bias, long mixed, float *pre,
                             float *sigmoids, float *out, long n_frames, int halo, int keep) {
    vec taps[MAX_HALO + 1], rows[MAX_HALO + 1];
    for (int k = 0; k <= halo; k++) taps[k] = load(conv + k * mixed);
    for (int k = 0; k < halo; k++) rows[k] = load(zx + k * row);
    for (long t = 0; t < n_frames; t++) {
        vec sum = bias;
        rows[halo] = load(zx + (t + halo) * row);
        for (int k = 0; k <= halo; k++) sum += taps[k] * rows[k];
        for (int k = 0; k < halo; k++) rows[k] = rows[k + 1];
        vec sigmoid = vsigmoid(sum);
        if (keep) store(pre + t * mixed, sum);
        if (keep) store(sigmoids + t * mixed, sigmoid);
        store(out + t * mixed, sum * sigmoid);
    }
}

/* `keep`: leave what only the backward pass reads. */
INLINE void convolve(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames, int keep) {
    long m = p->mixed;
    for (long j = 0; j < m; j += LANES) {
        const float *zx = b->zx + p->channels + j;
        vec bias = load(w->conv_bias + j);
        float *pre = b->pre + j, *sigmoids = b->mixed_sigmoid + j, *out = b->mixed + j;
        if (p->halo == 3)
            convolve_columns(zx, p->row, w->conv + j, bias, m, pre, sigmoids, out, n_frames, 3, keep);
        else if (p->halo == 2)
            convolve_columns(zx, p->row, w->conv + j, bias, m, pre, sigmoids, out, n_frames, 2, keep);
        else
            convolve_columns(zx, p->row, w->conv + j, bias, m, pre, sigmoids, out, n_frames, 1, keep);
    }
}

/* dt, the decay exp(dt A), the push u = dt x, and the skip D x as the beginning of y. */
static void discretise(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames) {
    long c = p->channels, h = p->tile_heads;
    for (long t = 0; t < n_frames; t++) copy_floats(b->raw_dt + t * h, rows_of(b, p) + t * p->row + c + p->mixed, h);
    for (long i = 0; i < n_frames * h; i += LANES) {
        vec raw = load(b->raw_dt + i) + load(w->dt_biases + i), dt = vsoftplus(raw);
        store(b->raw_dt + i, raw);
        store(b->dt + i, dt);
        store(b->decay + i, vexp(dt * load(w->A_heads + i)));
    }
    spread_heads(b->decay, b->a, n_frames, h, p->s.headdim, c);
    spread_heads(b->dt, b->dt_channel, n_frames, h, p->s.headdim, c);
    for (long t = 0; t < n_frames; t++)
        for (long i = 0; i < c; i += LANES) {
            vec x = load(b->mixed + t * p->mixed + i);
            store(b->u + t * c + i, load(b->dt_channel + t * c + i) * x);
            store(b->y + t * c + i, load(w->D + i) * x);
        }
}

INLINE void scan(const block_buffers *b, const block_plan *p, long n_frames) {
    const float *B = b->mixed + p->channels;
    whole_tile_forward(b->state, b->a, b->u, b->y, p->channels, B, B + p->states, p->mixed, p->states, n_frames);
}

/* Each frame's sum over lanes of `partial`, into `sums`. */
INLINE void sum_frames(const float *partial, float *sums, long n_frames) {
    for (long t = 0; t < n_frames; t += LANES) store(sums + t, sum_each(partial + t * LANES));
}

/* gated = y silu(z), scale = 1 / root mean square of it, normed = gated scale weight. */
INLINE void gate_and_norm(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames, int keep) {
    long c = p->channels;
    for (long t = 0; t < n_frames; t++) {
        vec squares = splat(0.0f);
        for (long i = 0; i < c; i += LANES) {
            vec z = load(rows_of(b, p) + t * p->row + i);
            vec sigmoid = vsigmoid(z), gated = load(b->y + t * c + i) * z * sigmoid;
            if (keep) store(b->gate_sigmoid + t * c + i, sigmoid);
            store(b->gated + t * c + i, gated);
            squares += gated * gated;
        }
        store(b->partial + t * LANES, squares);
    }
    sum_frames(b->partial, b->scale, n_frames);
    const vec share = splat(1.0f / p->inner), eps = splat((float)p->s.eps);
    for (long t = 0; t < n_frames; t += LANES) store(b->scale + t, reciprocal_root(load(b->scale + t) * share + eps));
    for (long t = 0; t < n_frames; t++)
        for (long i = 0; i < c; i += LANES)
            store(b->normed + t * c + i, load(b->gated + t * c + i) * splat(b->scale[t]) * load(w->norm + i));
}

/* Takes the gradient of `normed` in dy, leaves there that of the scan's y; z's goes to d_zx, the norm's to g. */
static void gate_and_norm_back(const block_buffers *b, const block_plan *p, const packed_weights *w,
                               const packed_weights *g, long n_frames) {
    long c = p->channels;
    float dots[TILE];
    for (long t = 0; t < n_frames; t++) {
        vec dot = splat(0.0f), scale = splat(b->scale[t]);
        for (long i = 0; i < c; i += LANES) {
            vec d = load(b->dy + t * c + i), gated = load(b->gated + t * c + i);
            store(g->norm + i, load(g->norm + i) + d * gated * scale);
            dot += d * load(w->norm + i) * gated;
        }
        store(b->partial + t * LANES, dot);
    }
    sum_frames(b->partial, dots, n_frames);
    for (long t = 0; t < n_frames; t++) {
        float scale = b->scale[t], pull = scale * scale * scale * dots[t] / p->inner;
        for (long i = 0; i < c; i += LANES) {
            vec d = splat(scale) * load(b->dy + t * c + i) * load(w->norm + i);
            d -= splat(pull) * load(b->gated + t * c + i);
            vec z = load(rows_of(b, p) + t * p->row + i), sigmoid = load(b->gate_sigmoid + t * c + i);
            vec y = load(b->y + t * c + i);
            store(b->dy + t * c + i, d * z * sigmoid);
            store(b->d_zx + t * p->row + i, d * y * sigmoid * (splat(1.0f) + z * (splat(1.0f) - sigmoid)));
        }
    }
}

static void scan_back(const block_buffers *b, const block_plan *p, const float *state, long n_frames) {
    const float *B = b->mixed + p->channels;
    float *dB = b->d_mixed + p->channels;
    whole_tile_backward(b->ds, state, b->a, b->u, b->dy, b->da, b->du, p->channels, B, B + p->states, p->mixed,
                        p->states, n_frames, dB, dB + p->states, p->mixed, b->backward);
}

/* From the gradients by a, u and y to those of x, the raw dt, and A, D, dt_bias. Uses u and decay as working space. */
static void discretise_back(const block_buffers *b, const block_plan *p, const packed_weights *w,
                            const packed_weights *g, long n_frames) {
    long c = p->channels, h = p->tile_heads;
    for (long t = 0; t < n_frames; t++)
        for (long i = 0; i < c; i += LANES) {
            vec x = load(b->mixed + t * p->mixed + i), dt = load(b->dt_channel + t * c + i);
            vec dy = load(b->dy + t * c + i), du = load(b->du + t * c + i);
            vec by_exponent = load(b->da + t * c + i) * load(b->a + t * c + i);
            store(g->A + i, load(g->A + i) + by_exponent * dt);
            store(g->D + i, load(g->D + i) + x * dy);
            store(b->d_mixed + t * p->mixed + i, du * dt + load(w->D + i) * dy);
            store(b->u + t * c + i, by_exponent * load(w->A + i) + du * x);
        }
    fold_channels(b->u, b->decay, n_frames, h, p->s.headdim, c);
    for (long i = 0; i < n_frames * h; i += LANES) store(b->decay + i, load(b->decay + i) * vsigmoid(load(b->raw_dt + i)));
    for (long t = 0; t < n_frames; t++) {
        copy_floats(b->d_zx + t * p->row + c + p->mixed, b->decay + t * h, p->s.heads);
        for (long i = 0; i < p->s.heads; i++) g->dt_bias[i] += b->decay[t * h + i];
    }
}

/* Back through silu and convolution. Rows of d_pre after the tile hold the later tile's first ones. */
static void convolve_back(const block_buffers *b, const block_plan *p, const packed_weights *w,
                          const packed_weights *g, long n_frames) {
    long m = p->mixed, halo = p->halo;
    for (long t = 0; t < n_frames; t++)
        for (long j = 0; j < m; j += LANES) {
            vec pre = load(b->pre + t * m + j), sigmoid = load(b->mixed_sigmoid + t * m + j);
            vec d = load(b->d_mixed + t * m + j) * sigmoid * (splat(1.0f) + pre * (splat(1.0f) - sigmoid));
            store(b->d_pre + t * m + j, d);
        }
    for (long j = 0; j < m; j += LANES) {
        vec bias = load(g->conv_bias + j), taps[MAX_HALO + 1];
        for (long k = 0; k <= halo; k++) taps[k] = load(g->conv + k * m + j);
        for (long t = 0; t < n_frames; t++) {
            vec d = load(b->d_pre + t * m + j), back = splat(0.0f);
            bias += d;
            for (long k = 0; k <= halo; k++) {
                taps[k] += d * load(b->zx + (t + k) * p->row + p->channels + j);
                back += load(w->conv + k * m + j) * load(b->d_pre + (t + halo - k) * m + j);
            }
            store(b->d_zx + t * p->row + p->channels + j, back);
        }
        store(g->conv_bias + j, bias);
        for (long k = 0; k <= halo; k++) store(g->conv + k * m + j, taps[k]);
    }
}

#endif
