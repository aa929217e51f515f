/* A Mamba-2 block's sizes, its weights laid out for the tiles, and the tiles' working space.
 *
 * A row of the projected input is kept as [z | x B C | dt], each part padded with zeros:
 * z and x to `channels`, B and C to `states`, x B C together to `mixed`, dt to `dts`. */
#ifndef BRAINBRR_BLOCK_H
#define BRAINBRR_BLOCK_H

#include "heads.h"
#include "product.h"
#include "scan_tile.h"
#include "threads.h"

#define MAX_HALO 3 /* frames before the tile that the convolution sees: d_conv - 1 */

typedef struct {
    int64_t batch, length, d_model, heads, headdim, d_state, d_conv, threads, reverse;
    int64_t input_batch, input_frame; /* strides, numbers */
    int64_t half; /* bfloat16 products, summed in float32, if the CPU has them */
    double eps;
} block_shape;

typedef struct {
    const float *in_proj, *conv, *conv_bias, *dt_bias, *A, *D, *norm, *out_proj;
} block_weights;

typedef struct {
    float *in_proj, *conv, *conv_bias, *dt_bias, *A, *D, *norm, *out_proj;
} block_gradients;

typedef struct {
    block_shape s;
    long inner, projected, model;                    /* d_inner, d_in_proj, padded d_model */
    long channels, states, mixed, dts, row, halo;    /* padded widths; frames of halo */
    long tile_heads;                                 /* heads a frame in dt and its kin */
    int half_products;
    long tiles, n_groups, state_floats, kept_floats; /* kept at each tile's start: the state and the halo */
} block_plan;

/* Laid out by column of the padded row; `_t` is transposed. Gradients use the same places. */
typedef struct {
    float *in_t;       /* (model, row) */
    float *out;        /* (model, channels) */
    float *conv;       /* (d_conv, mixed) */
    float *conv_bias;  /* (mixed) */
    float *dt_bias;    /* (dts) */
    float *A, *D;      /* (channels) */
    float *norm;       /* (channels) */
    float *A_heads, *dt_biases; /* (TILE, tile_heads): the same for each frame */
    float *in, *out_t; /* (row, model), (channels, model) */
    uint32_t *in_pairs, *out_pairs; /* (model / 2, row), (channels / 2, model): pairs of bfloat16 rows */
} packed_weights;

typedef struct {
    float *input, *zx, *pre, *mixed, *gate_sigmoid, *mixed_sigmoid, *raw_dt, *dt, *decay, *dt_channel, *a, *u, *y, *gated, *normed, *scale, *partial, *state;
    uint32_t *half_rows; /* (TILE, model or channels): a factor of a product, in bfloat16 */
    float *output, *dy, *da, *du, *d_mixed, *d_pre, *d_zx, *ds;
    backward_scratch backward;
} block_buffers;

static block_plan plan_block(const block_shape *s) {
    block_plan p;
    p.s = *s;
    p.inner = s->heads * s->headdim;
    p.projected = 2 * p.inner + 2 * s->d_state + s->heads;
    p.model = round_up(s->d_model, 16);
    p.channels = round_up(p.inner, LANES);
    p.states = round_up(s->d_state, SLICE);
    p.mixed = round_up(p.channels + 2 * p.states, LANES);
    p.dts = round_up(s->heads, LANES);
    p.tile_heads = heads_per_frame(s->heads, s->headdim);
    p.row = p.channels + p.mixed + p.dts;
    p.halo = s->d_conv - 1;
    p.half_products = HALF_PRODUCTS && s->half;
    p.tiles = (s->length + TILE - 1) / TILE;
    p.n_groups = s->batch < MAX_GROUPS ? s->batch : MAX_GROUPS;
    p.state_floats = p.channels * p.states;
    p.kept_floats = p.state_floats + p.halo * p.mixed;
    return p;
}

#define PLACE(name, floats)                          \
    w->name = memory ? (void *)(memory + used) : NULL; \
    used += round_up((floats), 16)

/* Floats needed; the gradients' share (all up to norm) comes first. */
static size_t place_weights(packed_weights *w, const block_plan *p, float *memory, int gradients_only) {
    size_t used = 0;
    PLACE(in_t, p->model * p->row);
    PLACE(out, p->model * p->channels);
    PLACE(conv, p->s.d_conv * p->mixed);
    PLACE(conv_bias, p->mixed);
    PLACE(dt_bias, p->dts);
    PLACE(A, p->channels);
    PLACE(D, p->channels);
    PLACE(norm, p->channels);
    if (gradients_only) return used;
    PLACE(A_heads, TILE * p->tile_heads);
    PLACE(dt_biases, TILE * p->tile_heads);
    PLACE(in, p->row * p->model);
    PLACE(out_t, p->channels * p->model);
    PLACE(in_pairs, p->model / 2 * p->row);
    PLACE(out_pairs, p->channels / 2 * p->model);
    return used;
}

static size_t place_buffers(block_buffers *w, const block_plan *p, float *memory, int backward) {
    size_t used = 0;
    PLACE(input, TILE * p->model);
    PLACE(zx, (MAX_HALO + TILE) * p->row);
    PLACE(pre, TILE * p->mixed);
    PLACE(mixed, TILE * p->mixed);
    PLACE(gate_sigmoid, TILE * p->channels);
    PLACE(mixed_sigmoid, TILE * p->mixed);
    PLACE(raw_dt, TILE * p->tile_heads);
    PLACE(dt, TILE * p->tile_heads);
    PLACE(decay, TILE * p->tile_heads);
    PLACE(dt_channel, TILE * p->channels);
    PLACE(a, TILE * p->channels);
    PLACE(u, TILE * p->channels);
    PLACE(y, TILE * p->channels);
    PLACE(gated, TILE * p->channels);
    PLACE(normed, TILE * p->channels);
    PLACE(scale, TILE);
    PLACE(partial, TILE * LANES);
    PLACE(state, p->state_floats);
    PLACE(output, TILE * p->model);
    PLACE(half_rows, TILE * (p->model > p->channels ? p->model : p->channels) / 2);
    if (!backward) return used;
    PLACE(dy, TILE * p->channels);
    PLACE(da, TILE * p->channels);
    PLACE(du, TILE * p->channels);
    PLACE(d_mixed, TILE * p->mixed);
    PLACE(d_pre, (TILE + MAX_HALO) * p->mixed);
    PLACE(d_zx, TILE * p->row);
    PLACE(ds, p->state_floats);
    if (memory) w->backward = place_backward_scratch(memory + used);
    return used + BACKWARD_SCRATCH_FLOATS;
}
#undef PLACE

/* Where column j of z xBC dt lies in the padded row. */
static long padded_column(const block_plan *p, long j) {
    long inner = p->inner, n = p->s.d_state;
    if (j < inner) return j;
    if (j < 2 * inner) return p->channels + j - inner;
    if (j < 2 * inner + n) return 2 * p->channels + j - 2 * inner;
    if (j < 2 * inner + 2 * n) return 2 * p->channels + p->states + j - 2 * inner - n;
    return p->channels + p->mixed + j - 2 * inner - 2 * n;
}

/* Rows k and k + 1 side by side, in bfloat16. */
static void pack_pairs(uint32_t *pairs, const float *rows, long n_rows, long columns) {
    uint16_t even[LANES], odd[LANES];
    for (long k = 0; k < n_rows; k += 2)
        for (long j = 0; j < columns; j += LANES) {
            store_half(even, load(rows + k * columns + j));
            store_half(odd, load(rows + (k + 1) * columns + j));
            for (long i = 0; i < LANES; i++) pairs[k / 2 * columns + j + i] = even[i] | (uint32_t)odd[i] << 16;
        }
}

static void pack_weights(packed_weights *w, const block_plan *p, const block_weights *plain) {
    for (long j = 0; j < p->projected; j++)
        for (long k = 0; k < p->s.d_model; k++)
            w->in_t[k * p->row + padded_column(p, j)] = w->in[padded_column(p, j) * p->model + k] =
                plain->in_proj[j * p->s.d_model + k];
    for (long k = 0; k < p->s.d_model; k++)
        for (long c = 0; c < p->inner; c++)
            w->out[k * p->channels + c] = w->out_t[c * p->model + k] = plain->out_proj[k * p->inner + c];
    for (long j = 0; j < p->inner + 2 * p->s.d_state; j++) {
        long column = padded_column(p, p->inner + j) - p->channels;
        for (long k = 0; k < p->s.d_conv; k++) w->conv[k * p->mixed + column] = plain->conv[j * p->s.d_conv + k];
        w->conv_bias[column] = plain->conv_bias[j];
    }
    for (long t = 0; t < TILE; t++) {
        copy_floats(w->A_heads + t * p->tile_heads, plain->A, p->s.heads);
        copy_floats(w->dt_biases + t * p->tile_heads, plain->dt_bias, p->s.heads);
    }
    memcpy(w->norm, plain->norm, p->inner * sizeof(float));
    spread_weights(plain->A, w->A, p->s.heads, p->s.headdim);
    spread_weights(plain->D, w->D, p->s.heads, p->s.headdim);
    if (p->half_products) {
        pack_pairs(w->in_pairs, w->in_t, p->model, p->row);
        pack_pairs(w->out_pairs, w->out_t, p->channels, p->model);
    }
}

static void unpack_gradients(const block_gradients *plain, const block_plan *p, const packed_weights *w) {
    for (long j = 0; j < p->projected; j++)
        for (long k = 0; k < p->s.d_model; k++)
            plain->in_proj[j * p->s.d_model + k] = w->in_t[k * p->row + padded_column(p, j)];
    for (long k = 0; k < p->s.d_model; k++)
        memcpy(plain->out_proj + k * p->inner, w->out + k * p->channels, p->inner * sizeof(float));
    for (long j = 0; j < p->inner + 2 * p->s.d_state; j++) {
        long column = padded_column(p, p->inner + j) - p->channels;
        for (long k = 0; k < p->s.d_conv; k++) plain->conv[j * p->s.d_conv + k] = w->conv[k * p->mixed + column];
        plain->conv_bias[j] = w->conv_bias[column];
    }
    memcpy(plain->dt_bias, w->dt_bias, p->s.heads * sizeof(float));
    memcpy(plain->norm, w->norm, p->inner * sizeof(float));
    fold_weights(w->A, plain->A, p->s.heads, p->s.headdim);
    fold_weights(w->D, plain->D, p->s.heads, p->s.headdim);
}

#endif
