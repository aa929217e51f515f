/* Dropout whose mask is computed from a seed and the position, never stored: the backward pass computes the same one. */
#ifndef BRAINBRR_DROPOUT_H
#define BRAINBRR_DROPOUT_H

#include "vec.h"

typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));

typedef struct {
    uint64_t seed;
    uint32_t below; /* dropped where a uniform 32-bit number lies below it */
    float scale;    /* of what is kept */
} dropout;

static inline dropout plan_dropout(double probability, uint64_t seed) {
    dropout drop = {seed, (uint32_t)(probability * 4294967295.0), (float)(1.0 / (1.0 - probability))};
    return drop;
}

/* SplitMix64 (Steele, Lea and Flood 2014) of the seed and the row. */
INLINE uint32_t row_key(const dropout *drop, uint64_t row) {
    uint64_t z = drop->seed + (row + 1) * 0x9E3779B97F4A7C15u;
    if (!drop->below) return 0;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(z ^ (z >> 31));
}

/* 0 or `scale` for columns j, j + 1, ... of the row; a 32-bit mixer of two multiplications (murmur3's). */
INLINE vec kept_part(const dropout *drop, uint32_t key, long j) {
#define COLUMN(i) i
    if (!drop->below) return splat(1.0f);
    uvec h = (uvec){EACH_LANE(COLUMN)} + (uint32_t)j;
    h = h * 0x9E3779B9u + key;
    h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13)) * 0xC2B2AE35u;
    h ^= h >> 16;
    return where((ivec)(h < drop->below), splat(0.0f), splat(drop->scale));
#undef COLUMN
}

#endif
