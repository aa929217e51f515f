/* A residual layer of Mamba-2 in both directions, one sequence at a time:
 *     x + dropout(forwards(norm(x)) + backwards(norm(x)))
 * Besides x and the result, memory sees one more row per frame in the backward pass: the gradient of norm(x). */
#include "block_run.h"
#include "dropout.h"

typedef struct {
    block_shape block; /* `reverse` is not looked at */
    double norm_eps, dropout;
    int64_t seed;
} layer_shape;

typedef struct {
    block_weights direction[2];
    const float *norm_weight, *norm_bias;
} layer_weights;

typedef struct {
    block_gradients direction[2];
    float *norm_weight, *norm_bias;
} layer_gradients;

typedef struct {
    block_plan p[2]; /* forwards, backwards */
    packed_weights w[2];
    const float *norm_weight, *norm_bias; /* padded */
    float norm_eps;
    dropout drop;
    const void *input, *d_output;
    void *output, *d_input;
    float *kept[2];
    float *gradients; /* (n_groups, group_floats): one direction, the other, norm_weight, norm_bias */
    size_t block_floats, group_floats, scratch_floats, zeroed_floats;
} layer_task;

typedef struct {
    block_buffers b;
    float *raw, *unit, *row;      /* (TILE, model): x, x with mean 0 and variance 1; one row */
    float *mean, *scale, *second; /* (TILE) */
    float *first, *normed;        /* (length, model): what the first direction leaves for the second */
} layer_buffers;

static size_t place_layer(layer_buffers *w, const block_plan *p, float *memory, int backward, size_t *zeroed) {
    size_t used = round_up(place_buffers(&w->b, p, memory, backward), 16);
#define PLACE(name, floats)                     \
    w->name = memory ? memory + used : NULL;    \
    used += round_up((floats), 16)
    PLACE(raw, TILE * p->model);
    PLACE(unit, TILE * p->model);
    PLACE(row, p->model);
    PLACE(mean, TILE);
    PLACE(scale, TILE);
    PLACE(second, TILE);
    if (zeroed) *zeroed = used;
    PLACE(first, p->s.length * p->model);
    PLACE(normed, backward ? 0 : p->s.length * p->model);
#undef PLACE
    return used;
}

/* The tile's rows, brought to mean 0 and variance 1, weighted, and projected. */
static void load_normed(const layer_task *k, const layer_buffers *l, const block_plan *p, long i, long start, long n_frames) {
    long m = p->model, d = p->s.d_model;
    for (long t = 0; t < n_frames; t++) {
        vec sum = splat(0.0f);
        long from = i * p->s.input_batch + frame_at(p, start + t) * p->s.input_frame;
        load_row(l->raw + t * m, k->input, from, d, p->s.half);
        for (long j = 0; j < m; j += LANES) sum += load(l->raw + t * m + j);
        store(l->b.partial + t * LANES, sum);
    }
    sum_frames(l->b.partial, l->mean, n_frames);
    for (long t = 0; t < n_frames; t++) {
        vec squares = splat(0.0f), mean = splat(l->mean[t] / d);
        for (long j = 0; j < m; j += LANES) store(l->unit + t * m + j, load(l->raw + t * m + j) - mean);
        for (long j = d; j < m; j++) l->unit[t * m + j] = 0.0f;
        for (long j = 0; j < m; j += LANES) squares += load(l->unit + t * m + j) * load(l->unit + t * m + j);
        store(l->b.partial + t * LANES, squares);
    }
    sum_frames(l->b.partial, l->scale, n_frames);
    const vec share = splat(1.0f / d), eps = splat(k->norm_eps);
    for (long t = 0; t < n_frames; t += LANES) store(l->scale + t, reciprocal_root(load(l->scale + t) * share + eps));
    for (long t = 0; t < n_frames; t++) {
        vec scale = splat(l->scale[t]);
        for (long j = 0; j < m; j += LANES) {
            vec unit = load(l->unit + t * m + j) * scale;
            store(l->unit + t * m + j, unit);
            store(l->b.input + t * m + j, unit * load(k->norm_weight + j) + load(k->norm_bias + j));
        }
    }
}

/* The first direction leaves its rows to the second, which adds its own, drops, and adds x. */
static void give_rows(const layer_task *k, const layer_buffers *l, int second, long i, long start, long n_frames) {
    const block_plan *p = &k->p[second];
    long m = p->model, d = p->s.d_model;
    for (long t = 0; t < n_frames; t++) {
        long frame = frame_at(p, start + t), row = i * p->s.length + frame;
        float *first = l->first + frame * m, *own = l->b.output + t * m;
        if (!second) {
            copy_floats(first, own, m);
            continue;
        }
        uint32_t key = row_key(&k->drop, row);
        for (long j = 0; j < m; j += LANES)
            store(own + j, load(l->raw + t * m + j) + kept_part(&k->drop, key, j) * (load(first + j) + load(own + j)));
        store_row(k->output, row * d, own, d, p->s.half);
    }
}

/* As load_normed in the forward pass, in which the second direction reads what the first has normed. */
static void take_normed(const layer_task *k, const layer_buffers *l, int second, long i, long start, long n_frames) {
    const block_plan *p = &k->p[second];
    long m = p->model;
    if (!second) load_normed(k, l, p, i, start, n_frames);
    for (long t = 0; t < n_frames; t++) {
        long frame = frame_at(p, start + t);
        float *input = l->b.input + t * m, *normed = l->normed + frame * m;
        if (!second) {
            copy_floats(normed, input, m);
            continue;
        }
        copy_floats(input, normed, m);
        load_row(l->raw + t * m, k->input, i * p->s.input_batch + frame * p->s.input_frame, p->s.d_model, p->s.half);
    }
}

static void layer_forward_group(void *task, long group, float *scratch) {
    const layer_task *k = task;
    layer_buffers l;
    long batch = k->p[0].s.batch, n_groups = k->p[0].n_groups;
    place_layer(&l, &k->p[0], scratch, 0, NULL);
    memset(scratch, 0, k->zeroed_floats * sizeof(float)); /* the padding must be zero */
    for (long i = group_start(group, n_groups, batch); i < group_start(group + 1, n_groups, batch); i++)
        for (int second = 0; second < 2; second++) {
            const block_plan *p = &k->p[second];
            begin_forward(&l.b, p);
            for (long tile = 0; tile < p->tiles; tile++) {
                long n_frames = frames_of(p, tile);
                if (k->kept[0]) keep_start(&l.b, p, k->kept[second] + (i * p->tiles + tile) * p->kept_floats);
                take_normed(k, &l, second, i, tile * TILE, n_frames);
                project_in(&l.b, p, &k->w[second], n_frames);
                forward_tile(&l.b, p, &k->w[second], n_frames);
                project_out(&l.b, p, &k->w[second], n_frames);
                give_rows(k, &l, second, i, tile * TILE, n_frames);
                move_halo(&l.b, p, n_frames);
            }
        }
}

/* The gradient of what both directions gave, into `output`. */
static void take_gradient(const layer_task *k, const layer_buffers *l, const block_plan *p, long i, long start, long n_frames) {
    long m = p->model, d = p->s.d_model;
    for (long t = 0; t < n_frames; t++) {
        long row = i * p->s.length + frame_at(p, start + t);
        uint32_t key = row_key(&k->drop, row);
        load_row(l->row, k->d_output, row * d, d, p->s.half);
        for (long j = 0; j < m; j += LANES)
            store(l->b.output + t * m + j, load(l->row + j) * kept_part(&k->drop, key, j));
    }
}

/* Through the norm, with the first direction's share that waits, and past it. */
static void norm_back(const layer_task *k, const layer_buffers *l, long i, long start, long n_frames, float *d_weight,
                      float *d_bias) {
    const block_plan *p = &k->p[1];
    long m = p->model, d = p->s.d_model;
    for (long t = 0; t < n_frames; t++) {
        vec sum = splat(0.0f);
        const float *first = l->first + frame_at(p, start + t) * m;
        for (long j = 0; j < m; j += LANES) {
            vec all = load(first + j) + load(l->b.output + t * m + j), unit = load(l->unit + t * m + j);
            store(d_weight + j, load(d_weight + j) + all * unit);
            store(d_bias + j, load(d_bias + j) + all);
            all *= load(k->norm_weight + j);
            store(l->b.output + t * m + j, all);
            sum += all;
        }
        store(l->b.partial + t * LANES, sum);
    }
    sum_frames(l->b.partial, l->mean, n_frames);
    for (long t = 0; t < n_frames; t++) {
        vec dot = splat(0.0f);
        for (long j = 0; j < m; j += LANES) dot += load(l->b.output + t * m + j) * load(l->unit + t * m + j);
        store(l->b.partial + t * LANES, dot);
    }
    sum_frames(l->b.partial, l->second, n_frames);
    for (long t = 0; t < n_frames; t++) {
        long row = i * p->s.length + frame_at(p, start + t);
        vec mean = splat(l->mean[t] / d), dot = splat(l->second[t] / d), scale = splat(l->scale[t]);
        load_row(l->row, k->d_output, row * d, d, p->s.half);
        for (long j = 0; j < m; j += LANES) {
            vec back = load(l->b.output + t * m + j) - mean - load(l->unit + t * m + j) * dot;
            store(l->row + j, load(l->row + j) + scale * back);
        }
        store_row(k->d_input, row * d, l->row, d, p->s.half);
        for (long j = d; j < m; j++) l->row[j] = 0.0f;
    }
}

static void layer_backward_sequence(const layer_task *k, const layer_buffers *l, const packed_weights *g, float *norms, long i) {
    for (int second = 0; second < 2; second++) {
        const block_plan *p = &k->p[second];
        begin_backward(&l->b, p);
        for (long tile = p->tiles - 1; tile >= 0; tile--) {
            const float *kept = k->kept[second] + (i * p->tiles + tile) * p->kept_floats;
            long n_frames = frames_of(p, tile);
            find_start(&l->b, p, kept);
            load_normed(k, l, p, i, tile * TILE, n_frames);
            project_in(&l->b, p, &k->w[second], n_frames);
            recompute_tile(&l->b, p, &k->w[second], n_frames);
            take_gradient(k, l, p, i, tile * TILE, n_frames);
            backward_tile(&l->b, p, &k->w[second], &g[second], kept, n_frames);
            if (second) {
                norm_back(k, l, i, tile * TILE, n_frames, norms, norms + p->model);
                continue;
            }
            for (long t = 0; t < n_frames; t++)
                copy_floats(l->first + frame_at(p, tile * TILE + t) * p->model, l->b.output + t * p->model, p->model);
        }
    }
}

static void place_gradients(const layer_task *k, float *memory, packed_weights *g, float **norms) {
    for (int d = 0; d < 2; d++) place_weights(&g[d], &k->p[d], memory + d * k->block_floats, 1);
    *norms = memory + 2 * k->block_floats;
}

static void layer_backward_group(void *task, long group, float *scratch) {
    const layer_task *k = task;
    layer_buffers l;
    packed_weights g[2];
    float *norms;
    long batch = k->p[0].s.batch, n_groups = k->p[0].n_groups;
    place_layer(&l, &k->p[0], scratch, 1, NULL);
    memset(scratch, 0, k->zeroed_floats * sizeof(float));
    place_gradients(k, k->gradients + group * k->group_floats, g, &norms);
    for (long i = group_start(group, n_groups, batch); i < group_start(group + 1, n_groups, batch); i++)
        layer_backward_sequence(k, &l, g, norms, i);
}

typedef struct {
    float *weights[2], *norms;
} layer_memory;

static void forget(const layer_memory *memory) {
    free(memory->weights[0]);
    free(memory->weights[1]);
    free(memory->norms);
}

/* 0, or 1 where there is no memory. */
static int prepare_layer(layer_task *k, layer_memory *memory, const layer_shape *shape, const layer_weights *weights,
                         float *kept, int backward) {
    layer_buffers sized;
    for (int d = 0; d < 2; d++) {
        block_shape one = shape->block;
        one.reverse = d;
        k->p[d] = plan_block(&one);
        memory->weights[d] = prepare_weights(&k->w[d], &k->p[d], &weights->direction[d]);
        k->kept[d] = kept ? kept + d * one.batch * k->p[d].tiles * k->p[d].kept_floats : NULL;
    }
    long m = k->p[0].model, d = shape->block.d_model;
    memory->norms = calloc(2 * m, sizeof(float));
    k->norm_eps = (float)shape->norm_eps;
    k->drop = plan_dropout(shape->dropout, (uint64_t)shape->seed);
    k->scratch_floats = place_layer(&sized, &k->p[0], NULL, backward, &k->zeroed_floats);
    k->block_floats = gradient_floats(&k->p[0]);
    k->group_floats = round_up(2 * k->block_floats + 2 * m, 16);
    if (!memory->weights[0] || !memory->weights[1] || !memory->norms) return 1;
    copy_floats(memory->norms, weights->norm_weight, d);
    copy_floats(memory->norms + m, weights->norm_bias, d);
    k->norm_weight = memory->norms, k->norm_bias = memory->norms + m;
    return 0;
}

int64_t brainbrr_layer_kept_floats(const layer_shape *shape) {
    block_plan p = plan_block(&shape->block);
    return 2 * shape->block.batch * p.tiles * p.kept_floats;
}

int brainbrr_layer_forward(const layer_shape *shape, const layer_weights *weights, const void *input, void *output,
                           float *kept) {
    layer_task k = {.input = input, .output = output};
    layer_memory memory;
    int failed = prepare_layer(&k, &memory, shape, weights, kept, 0) ||
                 share_out(layer_forward_group, &k, k.p[0].n_groups, shape->block.threads, k.scratch_floats);
    forget(&memory);
    return failed;
}

int brainbrr_layer_backward(const layer_shape *shape, const layer_weights *weights, const void *input, float *kept,
                            const void *d_output, void *d_input, const layer_gradients *gradients) {
    layer_task k = {.input = input, .d_output = d_output, .d_input = d_input};
    layer_memory memory;
    int failed = prepare_layer(&k, &memory, shape, weights, kept, 1);
    k.gradients = failed ? NULL : calloc((k.p[0].n_groups + 1) * k.group_floats, sizeof(float));
    failed = !k.gradients || share_out(layer_backward_group, &k, k.p[0].n_groups, shape->block.threads, k.scratch_floats);
    if (!failed) {
        packed_weights g[2];
        float *norms;
        add_groups(k.gradients, k.p[0].n_groups, k.group_floats);
        place_gradients(&k, k.gradients, g, &norms);
        for (int d = 0; d < 2; d++) unpack_gradients(&gradients->direction[d], &k.p[d], &g[d]);
        memcpy(gradients->norm_weight, norms, shape->block.d_model * sizeof(float));
        memcpy(gradients->norm_bias, norms + k.p[0].model, shape->block.d_model * sizeof(float));
    }
    free(k.gradients);
    forget(&memory);
    return failed;
}
