/* From numbers of heads to numbers of their channels, and back by sums, for many frames at once.
 *
 * Where headdim is a power of two, frames of heads lie without gaps, as many heads a frame (`heads_per_frame`) as
 * the padded channels have room for; frames of channels then follow each other too, and whole vectors are spread
 * and folded by shuffles. Elsewhere each frame goes number by number. */
#ifndef BRAINBRR_HEADS_H
#define BRAINBRR_HEADS_H

#include "vec.h"

INLINE int is_power_of_two(long n) { return (n & (n - 1)) == 0; }

INLINE long heads_per_frame(long heads, long headdim) {
    return is_power_of_two(headdim) ? round_up(heads * headdim, LANES) / headdim : heads;
}

#define LOW_HALF(i) ((i) / 2)
#define HIGH_HALF(i) (LANES / 2 + (i) / 2)
#if defined(__clang__) || __GNUC__ >= 12
#define TWICE(v, half) __builtin_shufflevector(v, v, EACH_LANE(half))
#else
#define TWICE(v, half) __builtin_shuffle(v, (ivec){EACH_LANE(half)})
#endif

/* LANES heads to headdim vectors, headdim <= LANES. */
INLINE void spread_vector(vec heads, float *channels, int headdim) {
    vec level[LANES];
    level[0] = heads;
    for (int n = 1; n < headdim; n *= 2)
        for (int i = n - 1; i >= 0; i--) {
            vec whole = level[i];
            level[2 * i] = TWICE(whole, LOW_HALF);
            level[2 * i + 1] = TWICE(whole, HIGH_HALF);
        }
    for (int i = 0; i < headdim; i++) store(channels + i * LANES, level[i]);
}

INLINE vec fold_vector(const float *channels, int headdim) {
    vec level[LANES];
    for (int i = 0; i < headdim; i++) level[i] = load(channels + i * LANES);
    for (int n = headdim / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) level[i] = pair_sum(level[2 * i], level[2 * i + 1]);
    return level[0];
}

#if LANES == 16
#define SHUFFLED_HEADDIMS(f) f(1) f(2) f(4) f(8) f(16)
#elif LANES == 8
#define SHUFFLED_HEADDIMS(f) f(1) f(2) f(4) f(8)
#else
#define SHUFFLED_HEADDIMS(f) f(1) f(2) f(4)
#endif

/* Each head's number, for each of its channels. Both arrays have room for TILE frames. */
static void spread_heads(const float *heads, float *channels, long n_frames, long n_heads, long headdim,
                         long n_channels) {
    long all = n_frames * n_heads;
    switch (is_power_of_two(headdim) ? headdim : 0) {
#define SPREAD(P)                                                                                              \
    case P:                                                                                                    \
        for (long h = 0; h < all; h += LANES) spread_vector(load(heads + h), channels + h * (P), P);           \
        return;
        SHUFFLED_HEADDIMS(SPREAD)
#undef SPREAD
    }
    for (long t = 0; t < n_frames; t++)
        for (long h = 0; h < n_heads; h++)
            for (long p = 0; p < headdim; p++) channels[t * n_channels + h * headdim + p] = heads[t * n_heads + h];
}

/* Each head's sum over its channels. */
static void fold_channels(const float *channels, float *heads, long n_frames, long n_heads, long headdim,
                          long n_channels) {
    long all = n_frames * n_heads;
    switch (is_power_of_two(headdim) ? headdim : 0) {
#define FOLD(P)                                                                                                \
    case P:                                                                                                    \
        for (long h = 0; h < all; h += LANES) store(heads + h, fold_vector(channels + h * (P), P));            \
        return;
        SHUFFLED_HEADDIMS(FOLD)
#undef FOLD
    }
    for (long t = 0; t < n_frames; t++)
        for (long h = 0; h < n_heads; h++) {
            float total = 0.0f;
            for (long p = 0; p < headdim; p++) total += channels[t * n_channels + h * headdim + p];
            heads[t * n_heads + h] = total;
        }
}

/* One row of weights. */
static inline void spread_weights(const float *heads, float *channels, long n_heads, long headdim) {
    for (long c = 0; c < n_heads * headdim; c++) channels[c] = heads[c / headdim];
}

static inline void fold_weights(const float *channels, float *heads, long n_heads, long headdim) {
    memset(heads, 0, n_heads * sizeof(float));
    for (long c = 0; c < n_heads * headdim; c++) heads[c / headdim] += channels[c];
}

#endif
