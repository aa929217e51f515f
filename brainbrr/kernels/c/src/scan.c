/* The exact Mamba-2 scan, sequential in time, one sequence at a time in cache, threads over sequences. */
#include "heads.h"
#include "scan_tile.h"
#include "threads.h"

typedef struct {
    int64_t batch, length, heads, headdim, d_state, threads;
    int64_t x_batch, x_frame, dt_batch, dt_frame, B_batch, B_frame, C_batch, C_frame; /* strides, floats */
} scan_shape;

typedef struct {
    scan_shape shape;
    long channels, padded_channels, padded_states, tile_heads, tiles, n_groups;
    const float *x, *dt, *A, *B, *C, *D, *initial, *dy, *dfinal;
    float *y, *final, *checkpoints; /* checkpoints (batch, tiles, padded_states * padded_channels) or NULL */
    float *dx, *ddt, *dA, *dB, *dC, *dD, *dinitial;
    float *sums; /* (n_groups, 2, padded_channels): gradients of A and D by channel */
} scan_task;

typedef struct {
    float *A, *A_channel, *D_channel;
    float *dt, *decay, *dt_channel, *a, *u, *x, *y, *B, *C, *state;
    float *dy, *da, *du, *dB, *dC, *ds;
    backward_scratch backward;
} tile_buffers;

static size_t place(tile_buffers *b, const scan_task *k, float *memory) {
    long c = k->padded_channels, n = k->padded_states, h = k->tile_heads;
    size_t used = 0;
#define PLACE(name, floats)                                     \
    b->name = memory ? memory + used : NULL;                    \
    used += round_up((floats), 16)
    PLACE(A, TILE * h);
    PLACE(A_channel, c);
    PLACE(D_channel, c);
    PLACE(dt, TILE * h);
    PLACE(decay, TILE * h);
    PLACE(dt_channel, TILE * c);
    PLACE(a, TILE * c);
    PLACE(u, TILE * c);
    PLACE(x, TILE * c);
    PLACE(y, TILE * c);
    PLACE(B, TILE * n);
    PLACE(C, TILE * n);
    PLACE(state, n * c);
    PLACE(dy, TILE * c);
    PLACE(da, TILE * c);
    PLACE(du, TILE * c);
    PLACE(dB, TILE * n);
    PLACE(dC, TILE * n);
    PLACE(ds, n * c);
#undef PLACE
    if (memory) b->backward = place_backward_scratch(memory + used);
    return used + BACKWARD_SCRATCH_FLOATS;
}

static void begin(tile_buffers *b, const scan_task *k, float *scratch) {
    const scan_shape *s = &k->shape;
    size_t used = place(b, k, scratch);
    memset(scratch, 0, used * sizeof(float)); /* the padding must be zero */
    for (long t = 0; t < TILE; t++) copy_floats(b->A + t * k->tile_heads, k->A, s->heads);
    spread_weights(k->A, b->A_channel, s->heads, s->headdim);
    spread_weights(k->D, b->D_channel, s->heads, s->headdim);
}

static void load_tile(tile_buffers *b, const scan_task *k, long sequence, long start, long n_frames) {
    const scan_shape *s = &k->shape;
    long c = k->padded_channels, h = k->tile_heads, n = k->padded_states;
    for (long t = 0; t < n_frames; t++) {
        long frame = start + t;
        copy_floats(b->dt + t * h, k->dt + sequence * s->dt_batch + frame * s->dt_frame, s->heads);
        copy_floats(b->x + t * c, k->x + sequence * s->x_batch + frame * s->x_frame, k->channels);
        copy_floats(b->B + t * n, k->B + sequence * s->B_batch + frame * s->B_frame, s->d_state);
        copy_floats(b->C + t * n, k->C + sequence * s->C_batch + frame * s->C_frame, s->d_state);
    }
    for (long i = 0; i < n_frames * h; i += LANES) store(b->decay + i, vexp(load(b->dt + i) * load(b->A + i)));
    spread_heads(b->decay, b->a, n_frames, h, s->headdim, c);
    spread_heads(b->dt, b->dt_channel, n_frames, h, s->headdim, c);
    for (long i = 0; i < n_frames * c; i += LANES) store(b->u + i, load(b->dt_channel + i) * load(b->x + i));
}

static inline long frames_in(const scan_shape *s, long tile) {
    return s->length - tile * TILE < TILE ? s->length - tile * TILE : TILE;
}

static void forward_group(void *task, long group, float *scratch) {
    const scan_task *k = task;
    const scan_shape *s = &k->shape;
    long c = k->padded_channels, state_floats = c * k->padded_states, plain = k->channels * s->d_state;
    tile_buffers b;
    begin(&b, k, scratch);
    for (long i = group_start(group, k->n_groups, s->batch); i < group_start(group + 1, k->n_groups, s->batch); i++) {
        state_in(b.state, k->initial ? k->initial + i * plain : NULL, k->channels, s->d_state, c, k->padded_states);
        for (long tile = 0; tile < k->tiles; tile++) {
            long n_frames = frames_in(s, tile);
            if (k->checkpoints)
                memcpy(k->checkpoints + (i * k->tiles + tile) * state_floats, b.state, state_floats * sizeof(float));
            load_tile(&b, k, i, tile * TILE, n_frames);
            for (long t = 0; t < n_frames; t++)
                for (long j = 0; j < c; j += LANES)
                    store(b.y + t * c + j, load(b.x + t * c + j) * load(b.D_channel + j));
            whole_tile_forward(b.state, b.a, b.u, b.y, c, b.B, b.C, k->padded_states, k->padded_states, n_frames);
            for (long t = 0; t < n_frames; t++)
                copy_floats(k->y + (i * s->length + tile * TILE + t) * k->channels, b.y + t * c, k->channels);
        }
        state_out(k->final + i * plain, b.state, k->channels, s->d_state, c);
    }
}

/* From the gradients by a, u and y of one tile to those of dt and x, row by row, and of A and D, summed. */
static void give_back_tile(tile_buffers *b, const scan_task *k, long row, long n_frames, float *dA, float *dD) {
    const scan_shape *s = &k->shape;
    long c = k->padded_channels;
    for (long t = 0; t < n_frames; t++) {
        for (long i = t * c, j = 0; j < c; i += LANES, j += LANES) {
            vec x = load(b->x + i), dy = load(b->dy + i), du = load(b->du + i), dt = load(b->dt_channel + i);
            vec by_exponent = load(b->da + i) * load(b->a + i);
            store(dA + j, load(dA + j) + by_exponent * dt);
            store(dD + j, load(dD + j) + x * dy);
            store(b->y + i, by_exponent * load(b->A_channel + j) + du * x);
            store(b->du + i, du * dt + load(b->D_channel + j) * dy);
        }
        copy_floats(k->dx + (row + t) * k->channels, b->du + t * c, k->channels);
        copy_floats(k->dB + (row + t) * s->d_state, b->dB + t * k->padded_states, s->d_state);
        copy_floats(k->dC + (row + t) * s->d_state, b->dC + t * k->padded_states, s->d_state);
    }
    fold_channels(b->y, b->decay, n_frames, k->tile_heads, s->headdim, c);
    for (long t = 0; t < n_frames; t++)
        copy_floats(k->ddt + (row + t) * s->heads, b->decay + t * k->tile_heads, s->heads);
}

static void backward_group(void *task, long group, float *scratch) {
    const scan_task *k = task;
    const scan_shape *s = &k->shape;
    long c = k->padded_channels, n = k->padded_states, state_floats = c * n, plain = k->channels * s->d_state;
    float *dA = k->sums + group * 2 * c, *dD = dA + c;
    tile_buffers b;
    begin(&b, k, scratch);
    for (long i = group_start(group, k->n_groups, s->batch); i < group_start(group + 1, k->n_groups, s->batch); i++) {
        state_in(b.ds, k->dfinal ? k->dfinal + i * plain : NULL, k->channels, s->d_state, c, n);
        for (long tile = k->tiles - 1; tile >= 0; tile--) {
            long n_frames = frames_in(s, tile), row = i * s->length + tile * TILE;
            load_tile(&b, k, i, tile * TILE, n_frames);
            for (long t = 0; t < n_frames; t++)
                copy_floats(b.dy + t * c, k->dy + (row + t) * k->channels, k->channels);
            whole_tile_backward(b.ds, k->checkpoints + (i * k->tiles + tile) * state_floats, b.a, b.u, b.dy, b.da,
                                b.du, c, b.B, b.C, n, n, n_frames, b.dB, b.dC, n, b.backward);
            give_back_tile(&b, k, row, n_frames, dA, dD);
        }
        state_out(k->dinitial + i * plain, b.ds, k->channels, s->d_state, c);
    }
}

static scan_task describe(const scan_shape *s) {
    scan_task k = {0};
    k.shape = *s;
    k.channels = s->heads * s->headdim;
    k.padded_channels = round_up(k.channels, LANES);
    k.tile_heads = heads_per_frame(s->heads, s->headdim);
    k.padded_states = round_up(s->d_state, SLICE);
    k.tiles = (s->length + TILE - 1) / TILE;
    k.n_groups = s->batch < MAX_GROUPS ? s->batch : MAX_GROUPS;
    return k;
}

int64_t brainbrr_scan_checkpoint_floats(const scan_shape *shape) {
    scan_task k = describe(shape);
    return shape->batch * k.tiles * k.padded_channels * k.padded_states;
}

int brainbrr_scan_forward(const scan_shape *shape, const float *x, const float *dt, const float *A, const float *B,
                          const float *C, const float *D, const float *initial, float *y, float *final,
                          float *checkpoints) {
    scan_task k = describe(shape);
    tile_buffers sized;
    k.x = x, k.dt = dt, k.A = A, k.B = B, k.C = C, k.D = D, k.initial = initial;
    k.y = y, k.final = final, k.checkpoints = checkpoints;
    return share_out(forward_group, &k, k.n_groups, shape->threads, place(&sized, &k, NULL));
}

int brainbrr_scan_backward(const scan_shape *shape, const float *x, const float *dt, const float *A, const float *B,
                           const float *C, const float *D, float *checkpoints, const float *dy, const float *dfinal,
                           float *dx, float *ddt, float *dA, float *dB, float *dC, float *dD, float *dinitial) {
    scan_task k = describe(shape);
    tile_buffers sized;
    long c = k.padded_channels;
    k.x = x, k.dt = dt, k.A = A, k.B = B, k.C = C, k.D = D, k.checkpoints = checkpoints;
    k.dy = dy, k.dfinal = dfinal, k.dx = dx, k.ddt = ddt, k.dB = dB, k.dC = dC, k.dinitial = dinitial;
    k.sums = calloc((k.n_groups + 1) * 2 * c, sizeof(float));
    if (!k.sums) return 1;
    int failed = share_out(backward_group, &k, k.n_groups, shape->threads, place(&sized, &k, NULL));
    for (long group = 1; group < k.n_groups; group++)
        for (long i = 0; i < 2 * c; i++) k.sums[i] += k.sums[group * 2 * c + i];
    fold_weights(k.sums, dA, shape->heads, shape->headdim);
    fold_weights(k.sums + c, dD, shape->heads, shape->headdim);
    free(k.sums);
    return failed;
}
