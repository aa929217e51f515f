/* A whole Mamba-2 block, one tile of one sequence at a time in cache: projection, convolution, scan, gate, norm,
 * projection. Memory sees the block's input and output, and for training what lies at the start of each tile. */
#include "block_tile.h"

typedef struct {
    block_plan p;
    packed_weights w;
    const float *input, *d_output;
    float *output, *kept, *d_input;
    float *gradients; /* (n_groups, gradient_floats) */
    size_t gradient_floats, scratch_floats;
} block_task;

static inline long frames_of(const block_plan *p, long tile) {
    return p->s.length - tile * TILE < TILE ? p->s.length - tile * TILE : TILE;
}

/* The frame that is processed t-th. */
static inline long frame_at(const block_plan *p, long t) { return p->s.reverse ? p->s.length - 1 - t : t; }

static void load_rows(const block_task *k, const block_buffers *b, long sequence, long start, long n_frames) {
    const block_plan *p = &k->p;
    long inner = p->inner, n = p->s.d_state;
    for (long t = 0; t < n_frames; t++) {
        const float *from = k->input + sequence * p->s.input_batch + frame_at(p, start + t) * p->s.input_frame;
        float *row = rows_of(b, p) + t * p->row, *mixed = row + p->channels;
        if (p->model) {
            copy_floats(b->input + t * p->model, from, p->s.d_model);
            continue;
        }
        copy_floats(row, from, inner);
        copy_floats(mixed, from + inner, inner);
        copy_floats(mixed + p->channels, from + 2 * inner, n);
        copy_floats(mixed + p->channels + p->states, from + 2 * inner + n, n);
        copy_floats(mixed + p->mixed, from + 2 * inner + 2 * n, p->s.heads);
    }
    if (p->model)
        product(b->input, p->model, 1, k->w.in_t, p->row, rows_of(b, p), p->row, n_frames, p->row, p->model, 0);
}

static void store_projected(const block_plan *p, const float *row, float *to) {
    for (long j = 0; j < p->inner; j++) to[j] = row[j];
    for (long j = p->inner; j < p->projected; j++) to[j] = row[padded_column(p, j)];
}

static void forward_tile(const block_task *k, const block_buffers *b, long sequence, long start, long n_frames) {
    load_rows(k, b, sequence, start, n_frames);
    convolve(b, &k->p, &k->w, n_frames);
    discretise(b, &k->p, &k->w, n_frames);
    scan(b, &k->p, n_frames);
    gate_and_norm(b, &k->p, &k->w, n_frames);
}

static void copy_halo(const block_plan *p, float *to, long to_row, const float *from, long from_row) {
    for (long t = 0; t < p->halo; t++) copy_floats(to + t * to_row, from + t * from_row, p->mixed);
}

static void forward_group(void *task, long group, float *scratch) {
    const block_task *k = task;
    const block_plan *p = &k->p;
    long width = p->model ? p->s.d_model : p->inner;
    block_buffers b;
    place_buffers(&b, p, scratch, 0);
    memset(scratch, 0, k->scratch_floats * sizeof(float)); /* the padding must be zero */
    for (long i = group_start(group, p->n_groups, p->s.batch); i < group_start(group + 1, p->n_groups, p->s.batch); i++) {
        memset(b.state, 0, p->state_floats * sizeof(float));
        memset(b.zx, 0, p->halo * p->row * sizeof(float));
        for (long tile = 0; tile < p->tiles; tile++) {
            long n_frames = frames_of(p, tile);
            if (k->kept) {
                float *kept = k->kept + (i * p->tiles + tile) * p->kept_floats;
                memcpy(kept, b.state, p->state_floats * sizeof(float));
                copy_halo(p, kept + p->state_floats, p->mixed, b.zx + p->channels, p->row);
            }
            forward_tile(k, &b, i, tile * TILE, n_frames);
            if (p->model)
                product(b.normed, p->channels, 1, k->w.out_t, p->model, b.output, p->model, n_frames, p->model,
                        p->channels, 0);
            for (long t = 0; t < n_frames; t++)
                copy_floats(k->output + (i * p->s.length + frame_at(p, tile * TILE + t)) * width,
                       p->model ? b.output + t * p->model : b.normed + t * p->channels, width);
            copy_halo(p, b.zx + p->channels, p->row, b.zx + n_frames * p->row + p->channels, p->row);
        }
    }
}

static void backward_tile(const block_task *k, const block_buffers *b, const packed_weights *g, const float *state,
                          long n_frames) {
    const block_plan *p = &k->p;
    long c = p->channels, m = p->model;
    if (m) {
        product(b->output, m, 1, k->w.out, c, b->dy, c, n_frames, c, m, 0);
        product(b->output, 1, m, b->normed, c, g->out, c, m, c, n_frames, 1);
    }
    gate_and_norm_back(b, p, &k->w, g, n_frames);
    scan_back(b, p, state, n_frames);
    discretise_back(b, p, &k->w, g, n_frames);
    convolve_back(b, p, &k->w, g, n_frames);
    if (m) {
        product(b->input, 1, m, b->d_zx, p->row, g->in_t, p->row, m, p->row, n_frames, 1);
        product(b->d_zx, p->row, 1, k->w.in, m, b->output, m, n_frames, m, p->row, 0);
    }
}

static void backward_sequence(const block_task *k, const block_buffers *b, const packed_weights *g, long i) {
    const block_plan *p = &k->p;
    long width = p->model ? p->s.d_model : p->inner;
    memset(b->ds, 0, p->state_floats * sizeof(float));
    memset(b->d_pre, 0, (TILE + MAX_HALO) * p->mixed * sizeof(float));
    for (long tile = p->tiles - 1; tile >= 0; tile--) {
        const float *kept = k->kept + (i * p->tiles + tile) * p->kept_floats;
        long n_frames = frames_of(p, tile), row = i * p->s.length;
        memcpy(b->state, kept, p->state_floats * sizeof(float));
        copy_halo(p, b->zx + p->channels, p->row, kept + p->state_floats, p->mixed);
        forward_tile(k, b, i, tile * TILE, n_frames);
        for (long t = 0; t < n_frames; t++)
            copy_floats(p->model ? b->output + t * p->model : b->dy + t * p->channels,
                   k->d_output + (row + frame_at(p, tile * TILE + t)) * width, width);
        memmove(b->d_pre + n_frames * p->mixed, b->d_pre, p->halo * p->mixed * sizeof(float));
        backward_tile(k, b, g, kept, n_frames);
        for (long t = 0; t < n_frames; t++) {
            long frame = row + frame_at(p, tile * TILE + t);
            if (p->model)
                copy_floats(k->d_input + frame * width, b->output + t * p->model, width);
            else
                store_projected(p, b->d_zx + t * p->row, k->d_input + frame * p->projected);
        }
    }
}

static void backward_group(void *task, long group, float *scratch) {
    const block_task *k = task;
    const block_plan *p = &k->p;
    block_buffers b;
    packed_weights g;
    place_buffers(&b, p, scratch, 1);
    memset(scratch, 0, k->scratch_floats * sizeof(float));
    place_weights(&g, p, k->gradients + group * k->gradient_floats, 1);
    for (long i = group_start(group, p->n_groups, p->s.batch); i < group_start(group + 1, p->n_groups, p->s.batch); i++)
        backward_sequence(k, &b, &g, i);
}

/* Weights laid out in memory that the caller frees; NULL where there is none. */
static float *prepare(block_task *k, const block_shape *shape, const block_weights *weights, int backward) {
    block_buffers sized;
    k->p = plan_block(shape);
    k->scratch_floats = place_buffers(&sized, &k->p, NULL, backward);
    float *memory = calloc(place_weights(&k->w, &k->p, NULL, 0), sizeof(float));
    if (!memory) return NULL;
    k->gradient_floats = place_weights(&k->w, &k->p, memory, 1);
    place_weights(&k->w, &k->p, memory, 0);
    pack_weights(&k->w, &k->p, weights);
    return memory;
}

int64_t brainbrr_block_kept_floats(const block_shape *shape) {
    block_plan p = plan_block(shape);
    return shape->batch * p.tiles * p.kept_floats;
}

int brainbrr_block_forward(const block_shape *shape, const block_weights *weights, const float *input, float *output,
                           float *kept) {
    block_task k = {.input = input, .output = output, .kept = kept};
    float *memory = prepare(&k, shape, weights, 0);
    if (!memory) return 1;
    int failed = share_out(forward_group, &k, k.p.n_groups, shape->threads, k.scratch_floats);
    free(memory);
    return failed;
}

int brainbrr_block_backward(const block_shape *shape, const block_weights *weights, const float *input, float *kept,
                            const float *d_output, float *d_input, const block_gradients *gradients) {
    block_task k = {.input = input, .kept = kept, .d_output = d_output, .d_input = d_input};
    float *memory = prepare(&k, shape, weights, 1);
    packed_weights sums;
    if (!memory) return 1;
    k.gradients = calloc((k.p.n_groups + 1) * k.gradient_floats, sizeof(float));
    int failed = !k.gradients || share_out(backward_group, &k, k.p.n_groups, shape->threads, k.scratch_floats);
    if (!failed) {
        for (long group = 1; group < k.p.n_groups; group++)
            for (size_t i = 0; i < k.gradient_floats; i++) k.gradients[i] += k.gradients[group * k.gradient_floats + i];
        place_weights(&sums, &k.p, k.gradients, 1);
        unpack_gradients(gradients, &k.p, &sums);
    }
    free(k.gradients);
    free(memory);
    return failed;
}
