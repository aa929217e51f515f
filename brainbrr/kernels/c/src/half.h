/* bfloat16 in memory, float32 in registers: the upper half of the bits, rounded to the nearest even. */
#ifndef BRAINBRR_HALF_H
#define BRAINBRR_HALF_H

#include "vec.h"

typedef uint16_t half_vec __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint32_t bits_vec __attribute__((vector_size(4 * LANES)));

INLINE vec load_half(const uint16_t *p) {
    return (vec)(__builtin_convertvector(*(const half_vec *)p, bits_vec) << 16);
}

INLINE void store_half(uint16_t *p, vec v) {
#if defined(__AVX512BF16__)
    *(half_vec *)p = (half_vec)_mm512_cvtneps_pbh((__m512)v);
#else
    bits_vec bits = (bits_vec)v, rounded = (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16;
    bits_vec not_a_number = (bits_vec)(v != v); /* rounding could carry it into infinity */
    *(half_vec *)p = __builtin_convertvector((rounded & ~not_a_number) | (0x7FC0u & not_a_number), half_vec);
#endif
}

/* Number i of an array that is bfloat16 or float32. */
INLINE vec load_as(const void *array, long i, int half) {
    return half ? load_half((const uint16_t *)array + i) : load((const float *)array + i);
}

INLINE void store_as(void *array, long i, vec v, int half) {
    if (half)
        store_half((uint16_t *)array + i, v);
    else
        store((float *)array + i, v);
}

/* n numbers of a row that begins at number i of `array`. */
INLINE void load_row(float *to, const void *array, long i, long n, int half) {
    const uint16_t *from = (const uint16_t *)array + i;
    long j = 0;
    if (!half) {
        copy_floats(to, (const float *)array + i, n);
        return;
    }
    for (; j + LANES <= n; j += LANES) store(to + j, load_half(from + j));
    for (; j < n; j++) {
        uint32_t bits = (uint32_t)from[j] << 16;
        memcpy(to + j, &bits, 4);
    }
}

INLINE void store_row(void *array, long i, const float *from, long n, int half) {
    uint16_t *to = (uint16_t *)array + i, last[LANES];
    long j = 0;
    if (!half) {
        copy_floats((float *)array + i, from, n);
        return;
    }
    for (; j + LANES <= n; j += LANES) store_half(to + j, load(from + j));
    if (j < n) store_half(last, load(from + j));
    for (long r = 0; j < n; r++, j++) to[j] = last[r];
}

#endif
