/* Each sample's channels scaled by 1 / sqrt(mean square + floor), weighted, and through GELU if asked for, in one
 * pass through memory: a block of samples stays in cache while its channels are read twice. */
#include "gelu.h"
#include "half.h"
#include "threads.h"

#define BLOCK_VECS 4
#define BLOCK (BLOCK_VECS * LANES) /* samples of all channels that are worked on at a time */

typedef struct {
    int64_t batch, channels, samples, activate, half, threads;
    double floor;
} norm_shape;

typedef struct {
    norm_shape s;
    const float *weight, *bias;
    const void *input, *d_output;
    void *output; /* in the backward pass, the input's gradient */
    float *gradients; /* (n_groups, 2, channels, LANES) */
    long n_groups, blocks;
} norm_task;

/* Some samples of all channels; rows are `stride` numbers apart. */
typedef struct {
    const void *input, *d_output;
    void *output;
    long stride;
} norm_block;

INLINE void scales_of(const norm_task *k, const norm_block *b, vec *scales, int half) {
    vec squares[BLOCK_VECS];
    for (int v = 0; v < BLOCK_VECS; v++) squares[v] = splat(0.0f);
    for (long c = 0; c < k->s.channels; c++)
        for (int v = 0; v < BLOCK_VECS; v++) {
            vec x = load_as(b->input, c * b->stride + v * LANES, half);
            squares[v] += x * x;
        }
    vec share = splat(1.0f / k->s.channels), floor = splat((float)k->s.floor);
    for (int v = 0; v < BLOCK_VECS; v++) scales[v] = reciprocal_root(squares[v] * share + floor);
}

INLINE void norm_forward_block(const norm_task *k, const norm_block *b, int activate, int half) {
    vec scales[BLOCK_VECS];
    scales_of(k, b, scales, half);
    for (long c = 0; c < k->s.channels; c++) {
        vec weight = splat(k->weight[c]), bias = splat(k->bias[c]);
        for (int v = 0; v < BLOCK_VECS; v++) {
            long i = c * b->stride + v * LANES;
            vec normed = load_as(b->input, i, half) * scales[v] * weight + bias;
            store_as(b->output, i, activate ? gelu(normed) : normed, half);
        }
    }
}

/* `branch` (channels, BLOCK) is working space; sums (2, channels, LANES) gather the gradients of weight and bias. */
INLINE void norm_backward_block(const norm_task *k, const norm_block *b, float *branch, float *sums, int activate, int half) {
    vec scales[BLOCK_VECS], dots[BLOCK_VECS];
    scales_of(k, b, scales, half);
    for (int v = 0; v < BLOCK_VECS; v++) dots[v] = splat(0.0f);
    for (long c = 0; c < k->s.channels; c++) {
        vec weight = splat(k->weight[c]), bias = splat(k->bias[c]);
        float *weight_sum = sums + c * LANES, *bias_sum = sums + (k->s.channels + c) * LANES;
        for (int v = 0; v < BLOCK_VECS; v++) {
            long i = c * b->stride + v * LANES;
            vec x = load_as(b->input, i, half), unit = x * scales[v], d = load_as(b->d_output, i, half);
            if (activate) d *= gelu_slope(unit * weight + bias);
            store(weight_sum, load(weight_sum) + d * unit);
            store(bias_sum, load(bias_sum) + d);
            d *= weight;
            dots[v] += d * x;
            store(branch + c * BLOCK + v * LANES, d);
        }
    }
    for (int v = 0; v < BLOCK_VECS; v++) dots[v] *= scales[v] * scales[v] * splat(1.0f / k->s.channels);
    for (long c = 0; c < k->s.channels; c++)
        for (int v = 0; v < BLOCK_VECS; v++) {
            long i = c * b->stride + v * LANES;
            vec d = load(branch + c * BLOCK + v * LANES) - load_as(b->input, i, half) * dots[v];
            store_as(b->output, i, scales[v] * d, half);
        }
}

static void run_block(const norm_task *k, const norm_block *b, float *branch, float *sums) {
    int activate = k->s.activate != 0;
#define RUN(activate, half)                                                \
    if (sums) norm_backward_block(k, b, branch, sums, activate, half);     \
    else norm_forward_block(k, b, activate, half)
    if (activate && k->s.half) { RUN(1, 1); }
    else if (activate) { RUN(1, 0); }
    else if (k->s.half) { RUN(0, 1); }
    else { RUN(0, 0); }
#undef RUN
}

static void copy_rows(void *to, long to_stride, const void *from, long from_stride, long rows, long bytes) {
    for (long i = 0; i < rows; i++) memcpy((char *)to + i * to_stride, (const char *)from + i * from_stride, bytes);
}

/* The samples after the last whole block, in padded rows of their own. */
static void run_rest(const norm_task *k, const norm_block *b, long n, float *rows, float *branch, float *sums) {
    long c = k->s.channels, size = k->s.half ? 2 : 4;
    void *input = rows, *d_output = rows + c * BLOCK, *output = rows + 2 * c * BLOCK;
    norm_block padded = {input, d_output, output, BLOCK};
    memset(rows, 0, 3 * c * BLOCK * sizeof(float));
    copy_rows(input, BLOCK * size, b->input, b->stride * size, c, n * size);
    if (b->d_output) copy_rows(d_output, BLOCK * size, b->d_output, b->stride * size, c, n * size);
    run_block(k, &padded, branch, sums);
    copy_rows(b->output, b->stride * size, output, BLOCK * size, c, n * size);
}

static void norm_group(void *task, long group, float *scratch) {
    const norm_task *k = task;
    long c = k->s.channels, n = k->s.samples, size = k->s.half ? 2 : 4, all = k->s.batch * k->blocks;
    float *branch = scratch, *rows = scratch + c * BLOCK;
    float *sums = k->gradients ? k->gradients + group * 2 * c * LANES : NULL;
    for (long i = group_start(group, k->n_groups, all); i < group_start(group + 1, k->n_groups, all); i++) {
        long start = i % k->blocks * BLOCK, offset = (i / k->blocks * c * n + start) * size;
        const char *d_output = k->d_output;
        norm_block b = {(const char *)k->input + offset, d_output ? d_output + offset : NULL, (char *)k->output + offset, n};
        if (start + BLOCK <= n)
            run_block(k, &b, branch, sums);
        else
            run_rest(k, &b, n - start, rows, branch, sums);
    }
}

static int run_norm(norm_task *k) {
    long all;
    k->blocks = (k->s.samples + BLOCK - 1) / BLOCK;
    all = k->s.batch * k->blocks;
    k->n_groups = all < MAX_GROUPS ? all : MAX_GROUPS;
    return share_out(norm_group, k, k->n_groups, k->s.threads, 4 * k->s.channels * BLOCK);
}

int brainbrr_norm_forward(const norm_shape *shape, const float *weight, const float *bias, const void *input, void *output) {
    norm_task k = {.s = *shape, .weight = weight, .bias = bias, .input = input, .output = output};
    return run_norm(&k);
}

int brainbrr_norm_backward(const norm_shape *shape, const float *weight, const float *bias, const void *input,
                           const void *d_output, void *d_input, float *d_weight, float *d_bias) {
    norm_task k = {.s = *shape, .weight = weight, .bias = bias, .input = input, .d_output = d_output, .output = d_input};
    long c = shape->channels;
    void *sums = NULL;
    if (posix_memalign(&sums, 64, MAX_GROUPS * 2 * c * LANES * sizeof(float))) return 1;
    memset(sums, 0, MAX_GROUPS * 2 * c * LANES * sizeof(float));
    k.gradients = sums;
    int failed = run_norm(&k);
    for (long i = 0; i < 2 * c; i++) {
        float total = 0.0f;
        for (long group = 0; group < MAX_GROUPS; group++) total += sum_lanes(load(k.gradients + (group * 2 * c + i) * LANES));
        (i < c ? d_weight : d_bias)[i < c ? i : i - c] = total;
    }
    free(sums);
    return failed;
}
