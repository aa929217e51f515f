/* Dropout of any array; the backward pass is the same call on the gradient. */
#include "dropout.h"
#include "threads.h"

#define ROW 4096 /* numbers under one key */

typedef struct {
    const float *input;
    float *output;
    int64_t n, rows, n_groups;
    dropout drop;
} dropout_task;

static void drop_group(void *task, long group, float *scratch) {
    const dropout_task *k = task;
    (void)scratch;
    for (long row = group_start(group, k->n_groups, k->rows); row < group_start(group + 1, k->n_groups, k->rows); row++) {
        const float *from = k->input + row * ROW;
        float *to = k->output + row * ROW;
        long n = k->n - row * ROW < ROW ? k->n - row * ROW : ROW, j = 0;
        uint32_t key = row_key(&k->drop, row);
        for (; j + LANES <= n; j += LANES) store(to + j, load(from + j) * kept_part(&k->drop, key, j));
        vec last = kept_part(&k->drop, key, j);
        for (long i = 0; j + i < n; i++) to[j + i] = from[j + i] * last[i];
    }
}

int brainbrr_dropout(const float *input, float *output, int64_t n, double probability, int64_t seed, int64_t threads) {
    int64_t rows = (n + ROW - 1) / ROW;
    dropout_task k = {input, output, n, rows, rows < MAX_GROUPS ? rows : MAX_GROUPS,
                      plan_dropout(probability, (uint64_t)seed)};
    return share_out(drop_group, &k, k.n_groups, threads, LANES);
}
