/* What the fused kernels share: how a tile of a block runs forwards and back, and where its weights lie. */
#ifndef BRAINBRR_BLOCK_RUN_H
#define BRAINBRR_BLOCK_RUN_H

#include "block_tile.h"

static inline long frames_of(const block_plan *p, long tile) {
    return p->s.length - tile * TILE < TILE ? p->s.length - tile * TILE : TILE;
}

/* The frame that is processed t-th. */
static inline long frame_at(const block_plan *p, long t) { return p->s.reverse ? p->s.length - 1 - t : t; }

INLINE void halve_rows(const block_buffers *b, const float *rows, long floats) {
    for (long i = 0; i < floats; i += LANES) store_half((uint16_t *)b->half_rows + i, load(rows + i));
}

INLINE void project_in(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames) {
    if (p->half_products) {
        halve_rows(b, b->input, n_frames * p->model);
        half_product(b->half_rows, p->model / 2, w->in_pairs, p->row, rows_of(b, p), p->row, n_frames, p->row, p->model / 2);
        return;
    }
    product(b->input, p->model, 1, w->in_t, p->row, rows_of(b, p), p->row, n_frames, p->row, p->model, 0);
}

INLINE void project_out(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames) {
    if (p->half_products) {
        halve_rows(b, b->normed, n_frames * p->channels);
        half_product(b->half_rows, p->channels / 2, w->out_pairs, p->model, b->output, p->model, n_frames, p->model, p->channels / 2);
        return;
    }
    product(b->normed, p->channels, 1, w->out_t, p->model, b->output, p->model, n_frames, p->model, p->channels, 0);
}

/* From the projected rows of the tile to `normed`. */
INLINE void forward_steps(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames, int keep) {
    convolve(b, p, w, n_frames, keep);
    discretise(b, p, w, n_frames);
    scan(b, p, n_frames);
    gate_and_norm(b, p, w, n_frames, keep);
}

static void forward_tile(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames) {
    forward_steps(b, p, w, n_frames, 0);
}

/* The same again, and what the backward pass reads. */
static void recompute_tile(const block_buffers *b, const block_plan *p, const packed_weights *w, long n_frames) {
    forward_steps(b, p, w, n_frames, 1);
}

static void copy_halo(const block_plan *p, float *to, long to_row, const float *from, long from_row) {
    for (long t = 0; t < p->halo; t++) copy_floats(to + t * to_row, from + t * from_row, p->mixed);
}

/* The state and the halo at a tile's start, stored for the backward pass. */
static void keep_start(const block_buffers *b, const block_plan *p, float *kept) {
    memcpy(kept, b->state, p->state_floats * sizeof(float));
    copy_halo(p, kept + p->state_floats, p->mixed, b->zx + p->channels, p->row);
}

static void find_start(const block_buffers *b, const block_plan *p, const float *kept) {
    memcpy(b->state, kept, p->state_floats * sizeof(float));
    copy_halo(p, b->zx + p->channels, p->row, kept + p->state_floats, p->mixed);
}

/* The tile's last rows become the next one's halo. */
INLINE void move_halo(const block_buffers *b, const block_plan *p, long n_frames) {
    copy_halo(p, b->zx + p->channels, p->row, b->zx + n_frames * p->row + p->channels, p->row);
}

/* The output's gradient comes in `output`, where the input's is left. */
static void backward_tile(const block_buffers *b, const block_plan *p, const packed_weights *w, const packed_weights *g,
                          const float *state, long n_frames) {
    long c = p->channels, m = p->model;
    memmove(b->d_pre + n_frames * p->mixed, b->d_pre, p->halo * p->mixed * sizeof(float));
    product(b->output, m, 1, w->out, c, b->dy, c, n_frames, c, m, 0);
    product(b->output, 1, m, b->normed, c, g->out, c, m, c, n_frames, 1);
    gate_and_norm_back(b, p, w, g, n_frames);
    scan_back(b, p, state, n_frames);
    discretise_back(b, p, w, g, n_frames);
    convolve_back(b, p, w, g, n_frames);
    product(b->input, 1, m, b->d_zx, p->row, g->in_t, p->row, m, p->row, n_frames, 1);
    product(b->d_zx, p->row, 1, w->in, m, b->output, m, n_frames, m, p->row, 0);
}

static void begin_forward(const block_buffers *b, const block_plan *p) {
    memset(b->state, 0, p->state_floats * sizeof(float));
    memset(b->zx, 0, p->halo * p->row * sizeof(float));
}

static void begin_backward(const block_buffers *b, const block_plan *p) {
    memset(b->ds, 0, p->state_floats * sizeof(float));
    memset(b->d_pre, 0, (TILE + MAX_HALO) * p->mixed * sizeof(float));
}

/* Weights laid out in memory that the caller frees; NULL where there is none. */
static float *prepare_weights(packed_weights *w, const block_plan *p, const block_weights *plain) {
    float *memory = calloc(place_weights(w, p, NULL, 0), sizeof(float));
    if (!memory) return NULL;
    place_weights(w, p, memory, 0);
    pack_weights(w, p, plain);
    return memory;
}

static size_t gradient_floats(const block_plan *p) {
    packed_weights unused;
    return place_weights(&unused, p, NULL, 1);
}

/* The groups' gradients, one after the other, added to the first in order. */
static void add_groups(float *gradients, long n_groups, size_t floats) {
    for (long group = 1; group < n_groups; group++)
        for (size_t i = 0; i < floats; i++) gradients[i] += gradients[group * floats + i];
}

#endif
