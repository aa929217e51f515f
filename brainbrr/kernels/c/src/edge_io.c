/* Embedding and head of the edge stream: one number widens to a row, and a row narrows to one number:
 *     embedding   row = tanh(number * scale * weight + bias)
 *     head        number = head_weight . layer_norm(row) + head_bias
 * Each row is made or read once; memory sees nothing else. */
#include "half.h"
#include "threads.h"

#define ROWS 32 /* rows whose sums over lanes are made together */

typedef struct {
    int64_t rows, width, half, threads;
    double scale, eps; /* of the embedding; of the layer norm */
} edge_shape;

typedef struct {
    edge_shape s;
    long n_groups, padded, n_sums;
    const float *weight, *bias; /* padded; of the head, weight is head_weight * norm_weight */
    float constant, weight_sum; /* of the head: what the biases add; the sum of weight */
    const float *numbers;       /* embedding: similarities; head, in the backward pass: their gradients */
    const void *rows, *d_rows;
    void *rows_out;
    float *numbers_out;
    double *sums; /* (n_groups, n_sums) */
} edge_task;

static void tanh_row(float *row, long padded) {
    for (long j = 0; j < padded; j += LANES) {
        vec x = load(row + j), size = where(x < splat(0.0f), -x, x), z = x * x;
        vec e = exp_within(within(splat(-2.0f) * size, -80.0f, 0.0f));
        vec far = (splat(1.0f) - e) * reciprocal(splat(1.0f) + e);
        vec p = splat(2.338255388e-3f);
        p = p * z - splat(8.450256394e-3f);
        p = p * z + splat(2.182329658e-2f);
        p = p * z - splat(5.396731891e-2f);
        p = p * z + splat(1.333333294e-1f);
        p = p * z - splat(3.333333333e-1f);
        vec near = x + x * z * p;
        store(row + j, where(size < splat(0.7f), near, where(x < splat(0.0f), -far, far)));
    }
}

static void embedding_forward(void *task, long group, float *row) {
    const edge_task *k = task;
    for (long i = group_start(group, k->n_groups, k->s.rows); i < group_start(group + 1, k->n_groups, k->s.rows); i++) {
        vec number = splat(k->numbers[i] * (float)k->s.scale);
        for (long j = 0; j < k->padded; j += LANES) store(row + j, number * load(k->weight + j) + load(k->bias + j));
        tanh_row(row, k->padded);
        store_row(k->rows_out, i * k->s.width, row, k->s.width, k->s.half);
    }
}

/* Sums: of the weight's gradient, of the bias's. */
static void embedding_backward(void *task, long group, float *scratch) {
    const edge_task *k = task;
    long p = k->padded;
    float *row = scratch, *d_row = row + p, *sums = d_row + p;
    memset(scratch, 0, 4 * p * sizeof(float));
    for (long i = group_start(group, k->n_groups, k->s.rows); i < group_start(group + 1, k->n_groups, k->s.rows); i++) {
        float number = k->numbers[i] * (float)k->s.scale;
        vec dot = splat(0.0f);
        load_row(row, k->rows, i * k->s.width, k->s.width, k->s.half);
        load_row(d_row, k->d_rows, i * k->s.width, k->s.width, k->s.half);
        for (long j = 0; j < p; j += LANES) {
            vec y = load(row + j), d = load(d_row + j) * (splat(1.0f) - y * y);
            store(sums + j, load(sums + j) + d * splat(number));
            store(sums + p + j, load(sums + p + j) + d);
            dot += d * load(k->weight + j);
        }
        k->numbers_out[i] = (float)k->s.scale * sum_lanes(dot);
    }
    for (long j = 0; j < 2 * p; j++) k->sums[group * k->n_sums + j] = sums[j];
}

/* Rows less their mean into `rows` (n, padded), zero in the padding; into scales and dots go 1 / standard deviation and
 * weight . unit row. `partial` (2, ROWS, LANES) is working space. */
static void standardize(const edge_task *k, long first, long n, float *rows, float *partial, float *scales, float *dots) {
    long p = k->padded, d = k->s.width;
    const vec share = splat(1.0f / d), eps = splat((float)k->s.eps);
    for (long t = 0; t < n; t++) {
        vec sum = splat(0.0f);
        load_row(rows + t * p, k->rows, (first + t) * d, d, k->s.half);
        for (long j = 0; j < p; j += LANES) sum += load(rows + t * p + j);
        store(partial + t * LANES, sum);
    }
    for (long t = 0; t < n; t += LANES) store(scales + t, sum_each(partial + t * LANES) * share);
    for (long t = 0; t < n; t++) {
        vec mean = splat(scales[t]), squares = splat(0.0f), dot = splat(0.0f);
        for (long j = 0; j < p; j += LANES) store(rows + t * p + j, load(rows + t * p + j) - mean);
        for (long j = d; j < p; j++) rows[t * p + j] = 0.0f;
        for (long j = 0; j < p; j += LANES) {
            vec x = load(rows + t * p + j);
            squares += x * x;
            dot += x * load(k->weight + j);
        }
        store(partial + t * LANES, squares);
        store(partial + (ROWS + t) * LANES, dot);
    }
    for (long t = 0; t < n; t += LANES) {
        vec scale = reciprocal_root(sum_each(partial + t * LANES) * share + eps);
        store(scales + t, scale);
        store(dots + t, scale * sum_each(partial + (ROWS + t) * LANES));
    }
}

/* `scratch` begins with the space of `standardize`: rows, partial, scales, dots. */
#define HEAD_FLOATS(padded) (ROWS * (padded) + 2 * ROWS * LANES + 2 * ROWS)

static void head_forward(void *task, long group, float *scratch) {
    const edge_task *k = task;
    long end = group_start(group + 1, k->n_groups, k->s.rows);
    float *partial = scratch + ROWS * k->padded, *scales = partial + 2 * ROWS * LANES, *dots = scales + ROWS;
    memset(scratch, 0, HEAD_FLOATS(k->padded) * sizeof(float));
    for (long i = group_start(group, k->n_groups, k->s.rows); i < end; i += ROWS) {
        long n = end - i < ROWS ? end - i : ROWS;
        standardize(k, i, n, scratch, partial, scales, dots);
        for (long t = 0; t < n; t++) k->numbers_out[i + t] = dots[t] + k->constant;
    }
}

/* Sums: over rows of d unit row, and of d. The weights' gradients follow from them. */
static void head_backward(void *task, long group, float *scratch) {
    const edge_task *k = task;
    long p = k->padded, d = k->s.width, end = group_start(group + 1, k->n_groups, k->s.rows);
    float *partial = scratch + ROWS * p, *scales = partial + 2 * ROWS * LANES, *dots = scales + ROWS;
    float *sums = scratch + HEAD_FLOATS(p), *row = sums + p, total = 0.0f;
    memset(scratch, 0, (HEAD_FLOATS(p) + 2 * p) * sizeof(float));
    for (long i = group_start(group, k->n_groups, k->s.rows); i < end; i += ROWS) {
        long n = end - i < ROWS ? end - i : ROWS;
        standardize(k, i, n, scratch, partial, scales, dots);
        for (long t = 0; t < n; t++) {
            vec by = splat(k->numbers[i + t]), scale = splat(scales[t]), dot = splat(dots[t] / d);
            vec mean = splat(k->weight_sum / d);
            for (long j = 0; j < p; j += LANES) {
                vec unit = load(scratch + t * p + j) * scale;
                store(sums + j, load(sums + j) + by * unit);
                store(row + j, by * scale * (load(k->weight + j) - mean - unit * dot));
            }
            store_row(k->rows_out, (i + t) * d, row, d, k->s.half);
            total += k->numbers[i + t];
        }
    }
    for (long j = 0; j < d; j++) k->sums[group * k->n_sums + j] = sums[j];
    k->sums[group * k->n_sums + d] = total;
}

/* `vectors`: (2, padded) floats that the caller frees, for weight and bias. */
static float *plan_edges(edge_task *k, const float *weight, const float *bias) {
    long d = k->s.width;
    k->padded = round_up(d, LANES);
    k->n_groups = k->s.rows < MAX_GROUPS ? k->s.rows : MAX_GROUPS;
    float *vectors = calloc(2 * k->padded, sizeof(float));
    if (!vectors) return NULL;
    memcpy(vectors, weight, d * sizeof(float));
    if (bias) memcpy(vectors + k->padded, bias, d * sizeof(float));
    k->weight = vectors, k->bias = vectors + k->padded;
    return vectors;
}

static double total_of(const edge_task *k, long i) {
    double total = 0.0;
    for (long group = 0; group < k->n_groups; group++) total += k->sums[group * k->n_sums + i];
    return total;
}

int brainbrr_edge_embedding_forward(const edge_shape *shape, const float *weight, const float *bias, const float *numbers, void *rows) {
    edge_task k = {.s = *shape, .numbers = numbers, .rows_out = rows};
    float *vectors = plan_edges(&k, weight, bias);
    int failed = !vectors || share_out(embedding_forward, &k, k.n_groups, shape->threads, k.padded);
    free(vectors);
    return failed;
}

int brainbrr_edge_embedding_backward(const edge_shape *shape, const float *weight, const float *numbers, const void *rows,
                           const void *d_rows, float *d_numbers, float *d_weight, float *d_bias) {
    edge_task k = {.s = *shape, .numbers = numbers, .rows = rows, .d_rows = d_rows, .numbers_out = d_numbers};
    float *vectors = plan_edges(&k, weight, NULL);
    k.n_sums = 2 * k.padded;
    k.sums = calloc((k.n_groups + 1) * k.n_sums, sizeof(double));
    int failed = !vectors || !k.sums || share_out(embedding_backward, &k, k.n_groups, shape->threads, 4 * k.padded);
    for (long j = 0; !failed && j < shape->width; j++) {
        d_weight[j] = (float)total_of(&k, j);
        d_bias[j] = (float)total_of(&k, k.padded + j);
    }
    free(vectors);
    free(k.sums);
    return failed;
}

/* weight: head_weight * norm_weight; constant: head_weight . norm_bias + head_bias. */
int brainbrr_edge_head_forward(const edge_shape *shape, const float *weight, double constant, const void *rows, float *numbers) {
    edge_task k = {.s = *shape, .rows = rows, .numbers_out = numbers, .constant = (float)constant};
    float *vectors = plan_edges(&k, weight, NULL);
    int failed = !vectors || share_out(head_forward, &k, k.n_groups, shape->threads, HEAD_FLOATS(k.padded));
    free(vectors);
    return failed;
}

/* d_weight (width) and d_constant (1): the gradients of the two. */
int brainbrr_edge_head_backward(const edge_shape *shape, const float *weight, const void *rows, const float *d_numbers,
                           void *d_rows, float *d_weight, float *d_constant) {
    edge_task k = {.s = *shape, .rows = rows, .numbers = d_numbers, .rows_out = d_rows};
    float *vectors = plan_edges(&k, weight, NULL);
    k.n_sums = shape->width + 1;
    k.sums = calloc((k.n_groups + 1) * k.n_sums, sizeof(double));
    for (long j = 0; vectors && j < shape->width; j++) k.weight_sum += weight[j];
    int failed = !vectors || !k.sums ||
                 share_out(head_backward, &k, k.n_groups, shape->threads, HEAD_FLOATS(k.padded) + 2 * k.padded);
    for (long j = 0; !failed && j <= shape->width; j++) *(j < shape->width ? d_weight + j : d_constant) = (float)total_of(&k, j);
    free(vectors);
    free(k.sums);
    return failed;
}
