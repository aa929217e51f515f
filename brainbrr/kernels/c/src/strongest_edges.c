/* Which edges are among the strongest of either of their ends, frame by frame: LANES frames at a time. */
#include "threads.h"
#include "vec.h"

#define MAX_NODES 32 /* bits of a choice */
#define MAX_CHOSEN 31

typedef struct {
    int64_t batch, nodes, frames, chosen, threads;
} strongest_shape;

typedef struct {
    strongest_shape s;
    const float *weights;    /* (batch, pairs, frames), pairs i < j in row order */
    const uint8_t *observed; /* (batch, nodes) */
    uint8_t *kept;           /* (batch, pairs, frames) */
    long n_groups, pairs, blocks;
} strongest_task;

static long pair_of(long n, long i, long j) { return i < j ? i * n - i * (i + 1) / 2 + j - i - 1 : pair_of(n, j, i); }

/* One bit for each node that node i chose. Of equals the first is chosen; NaN is above all, so that it shows. */
static ivec choose(const strongest_task *k, const float *weights, const uint8_t *observed, long i) {
    vec best[MAX_CHOSEN];
    ivec who[MAX_CHOSEN], bits = {0};
    long n = k->s.nodes, chosen = k->s.chosen;
    for (long s = 0; s < chosen; s++) best[s] = splat(-INFINITY), who[s] = (ivec){0} + (int32_t)i;
    for (long j = 0; j < n; j++) {
        if (j == i || !observed[j]) continue;
        vec value = load(weights + pair_of(n, i, j) * LANES);
        ivec whose = (ivec){0} + (int32_t)j;
        value = where((ivec)(value == value), value, splat(INFINITY));
        for (long s = 0; s < chosen; s++) {
            ivec above = (ivec)(value > best[s]), moved = who[s];
            vec lower = where(above, best[s], value);
            best[s] = where(above, value, best[s]);
            who[s] = (whose & above) | (moved & ~above);
            whose = (moved & above) | (whose & ~above);
            value = lower;
        }
    }
    /* A node with fewer neighbours than it may choose has chosen itself, which no pair asks for. */
    for (long s = 0; s < chosen; s++) bits |= ((ivec){0} + 1) << who[s];
    return bits;
}

static void choose_block(const strongest_task *k, long batch, long start, float *weights) {
    long n = k->s.nodes, frames = k->s.frames, width = frames - start < LANES ? frames - start : LANES;
    const uint8_t *observed = k->observed + batch * n;
    ivec bits[MAX_NODES];
    for (long p = 0; p < k->pairs; p++) copy_floats(weights + p * LANES, k->weights + (batch * k->pairs + p) * frames + start, width);
    for (long i = 0; i < n; i++) bits[i] = observed[i] ? choose(k, weights, observed, i) : (ivec){0};
    for (long i = 0, p = 0; i < n; i++)
        for (long j = i + 1; j < n; j++, p++) {
            ivec either = ((bits[i] >> j) | (bits[j] >> i)) & 1;
            uint8_t *to = k->kept + (batch * k->pairs + p) * frames + start;
            for (long t = 0; t < width; t++) to[t] = (uint8_t)(either[t] & observed[i] & observed[j]);
        }
}

static void strongest_group(void *task, long group, float *weights) {
    const strongest_task *k = task;
    long all = k->s.batch * k->blocks;
    memset(weights, 0, k->pairs * LANES * sizeof(float));
    for (long i = group_start(group, k->n_groups, all); i < group_start(group + 1, k->n_groups, all); i++)
        choose_block(k, i / k->blocks, i % k->blocks * LANES, weights);
}

/* observed and kept hold 0 or 1. At most MAX_NODES nodes. */
int brainbrr_strongest_edges(const strongest_shape *shape, const float *weights, const uint8_t *observed, uint8_t *kept) {
    long n = shape->nodes, blocks = (shape->frames + LANES - 1) / LANES, all = shape->batch * blocks;
    strongest_task k = {*shape, weights, observed, kept, all < MAX_GROUPS ? all : MAX_GROUPS, n * (n - 1) / 2, blocks};
    return share_out(strongest_group, &k, k.n_groups, shape->threads, k.pairs * LANES + LANES);
}
