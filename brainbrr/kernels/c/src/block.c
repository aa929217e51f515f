/* A whole Mamba-2 block, one tile of one sequence at a time in cache: projection, convolution, scan, gate, norm,
 * projection. Memory sees the block's input and output, and for training what lies at the start of each tile. */
#include "block_run.h"

typedef struct {
    block_plan p;
    packed_weights w;
    const float *input, *d_output;
    float *output, *kept, *d_input;
    float *gradients; /* (n_groups, gradient_floats) */
    size_t gradient_floats, scratch_floats;
} block_task;

static void load_rows(const block_task *k, const block_buffers *b, long sequence, long start, long n_frames) {
    const block_plan *p = &k->p;
    for (long t = 0; t < n_frames; t++)
        copy_floats(b->input + t * p->model,
                    k->input + sequence * p->s.input_batch + frame_at(p, start + t) * p->s.input_frame, p->s.d_model);
    project_in(b, p, &k->w, n_frames);
}

static void forward_group(void *task, long group, float *scratch) {
    const block_task *k = task;
    const block_plan *p = &k->p;
    long width = p->s.d_model;
    block_buffers b;
    place_buffers(&b, p, scratch, 0);
    memset(scratch, 0, k->scratch_floats * sizeof(float)); /* the padding must be zero */
    for (long i = group_start(group, p->n_groups, p->s.batch); i < group_start(group + 1, p->n_groups, p->s.batch); i++) {
        begin_forward(&b, p);
        for (long tile = 0; tile < p->tiles; tile++) {
            long n_frames = frames_of(p, tile);
            if (k->kept) keep_start(&b, p, k->kept + (i * p->tiles + tile) * p->kept_floats);
            load_rows(k, &b, i, tile * TILE, n_frames);
            forward_tile(&b, p, &k->w, n_frames);
            project_out(&b, p, &k->w, n_frames);
            for (long t = 0; t < n_frames; t++)
                copy_floats(k->output + (i * p->s.length + frame_at(p, tile * TILE + t)) * width,
                            b.output + t * p->model, width);
            move_halo(&b, p, n_frames);
        }
    }
}

static void backward_sequence(const block_task *k, const block_buffers *b, const packed_weights *g, long i) {
    const block_plan *p = &k->p;
    long width = p->s.d_model;
    begin_backward(b, p);
    for (long tile = p->tiles - 1; tile >= 0; tile--) {
        const float *kept = k->kept + (i * p->tiles + tile) * p->kept_floats;
        long n_frames = frames_of(p, tile), row = i * p->s.length;
        find_start(b, p, kept);
        load_rows(k, b, i, tile * TILE, n_frames);
        recompute_tile(b, p, &k->w, n_frames);
        for (long t = 0; t < n_frames; t++)
            copy_floats(b->output + t * p->model,
                        k->d_output + (row + frame_at(p, tile * TILE + t)) * width, width);
        backward_tile(b, p, &k->w, g, kept, n_frames);
        for (long t = 0; t < n_frames; t++)
            copy_floats(k->d_input + (row + frame_at(p, tile * TILE + t)) * width, b->output + t * p->model, width);
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

int64_t brainbrr_block_kept_floats(const block_shape *shape) {
    block_plan p = plan_block(shape);
    return shape->batch * p.tiles * p.kept_floats;
}

int brainbrr_block_forward(const block_shape *shape, const block_weights *weights, const float *input, float *output,
                           float *kept) {
    block_task k = {.p = plan_block(shape), .input = input, .output = output, .kept = kept};
    block_buffers sized;
    float *memory = prepare_weights(&k.w, &k.p, weights);
    if (!memory) return 1;
    k.scratch_floats = place_buffers(&sized, &k.p, NULL, 0);
    int failed = share_out(forward_group, &k, k.p.n_groups, shape->threads, k.scratch_floats);
    free(memory);
    return failed;
}

int brainbrr_block_backward(const block_shape *shape, const block_weights *weights, const float *input, float *kept,
                            const float *d_output, float *d_input, const block_gradients *gradients) {
    block_task k = {.p = plan_block(shape), .input = input, .kept = kept, .d_output = d_output, .d_input = d_input};
    block_buffers sized;
    packed_weights sums;
    float *memory = prepare_weights(&k.w, &k.p, weights);
    if (!memory) return 1;
    k.scratch_floats = place_buffers(&sized, &k.p, NULL, 1);
    k.gradient_floats = gradient_floats(&k.p);
    k.gradients = calloc((k.p.n_groups + 1) * k.gradient_floats, sizeof(float));
    int failed = !k.gradients || share_out(backward_group, &k, k.p.n_groups, shape->threads, k.scratch_floats);
    if (!failed) {
        add_groups(k.gradients, k.p.n_groups, k.gradient_floats);
        place_weights(&sums, &k.p, k.gradients, 1);
        unpack_gradients(gradients, &k.p, &sums);
    }
    free(k.gradients);
    free(memory);
    return failed;
}
