/* Small matrix products of tiles in cache. All buffers are padded: columns to LANES, rows to PRODUCT_ROWS. */
#ifndef BRAINBRR_PRODUCT_H
#define BRAINBRR_PRODUCT_H

#include "half.h"

/* As many sums as the registers hold: 32 vector registers with AVX-512 and on ARM, 16 elsewhere. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define PRODUCT_ROWS 8
#else
#define PRODUCT_ROWS 4
#endif

INLINE void product_block(const float *a, long a_row, long a_inner, const float *b, long b_row, float *out,
                          long out_row, long inner, int n_vectors, int gather) {
    vec sums[PRODUCT_ROWS][2];
    for (int i = 0; i < PRODUCT_ROWS; i++)
        for (int j = 0; j < n_vectors; j++) sums[i][j] = gather ? load(out + i * out_row + j * LANES) : splat(0.0f);
    for (long k = 0; k < inner; k++) {
        vec b_0 = load(b + k * b_row), b_1 = n_vectors == 2 ? load(b + k * b_row + LANES) : b_0;
#pragma GCC unroll 8
        for (int i = 0; i < PRODUCT_ROWS; i++) {
            vec a_i = splat(a[i * a_row + k * a_inner]);
            sums[i][0] += a_i * b_0;
            if (n_vectors == 2) sums[i][1] += a_i * b_1;
        }
    }
    for (int i = 0; i < PRODUCT_ROWS; i++)
        for (int j = 0; j < n_vectors; j++) store(out + i * out_row + j * LANES, sums[i][j]);
}

/* out[i][j] = sum over k of a[i][k] b[k][j], or += where `gather`; a's two strides let it be read transposed. */
INLINE void product(const float *a, long a_row, long a_inner, const float *b, long b_row, float *out, long out_row,
                    long rows, long columns, long inner, int gather) {
    long j = 0;
    for (; j + 2 * LANES <= columns; j += 2 * LANES)
        for (long i = 0; i < rows; i += PRODUCT_ROWS)
            product_block(a + i * a_row, a_row, a_inner, b + j, b_row, out + i * out_row + j, out_row, inner, 2, gather);
    if (j < columns)
        for (long i = 0; i < rows; i += PRODUCT_ROWS)
            product_block(a + i * a_row, a_row, a_inner, b + j, b_row, out + i * out_row + j, out_row, inner, 1, gather);
}

#if defined(__AVX512BF16__)
#define HALF_PRODUCTS 1

INLINE void half_product_block(const uint32_t *a, long a_row, const uint32_t *b, long b_row, float *out, long out_row,
                               long pairs, int n_vectors) {
    __m512 sums[PRODUCT_ROWS][2];
    for (int i = 0; i < PRODUCT_ROWS; i++)
        for (int j = 0; j < n_vectors; j++) sums[i][j] = _mm512_setzero_ps();
    for (long k = 0; k < pairs; k++) {
        __m512bh b_0 = (__m512bh)_mm512_loadu_si512(b + k * b_row);
        __m512bh b_1 = n_vectors == 2 ? (__m512bh)_mm512_loadu_si512(b + k * b_row + LANES) : b_0;
#pragma GCC unroll 8
        for (int i = 0; i < PRODUCT_ROWS; i++) {
            __m512bh a_i = (__m512bh)_mm512_set1_epi32((int)a[i * a_row + k]);
            sums[i][0] = _mm512_dpbf16_ps(sums[i][0], a_i, b_0);
            if (n_vectors == 2) sums[i][1] = _mm512_dpbf16_ps(sums[i][1], a_i, b_1);
        }
    }
    for (int i = 0; i < PRODUCT_ROWS; i++)
        for (int j = 0; j < n_vectors; j++) store(out + i * out_row + j * LANES, (vec)sums[i][j]);
}

/* The product of bfloat16 numbers, summed in float32. a holds pairs of neighbours k, k + 1 of a row in 32 bits,
 * b pairs of rows k, k + 1 of a column. */
INLINE void half_product(const uint32_t *a, long a_row, const uint32_t *b, long b_row, float *out, long out_row,
                         long rows, long columns, long pairs) {
    long j = 0;
    for (; j + 2 * LANES <= columns; j += 2 * LANES)
        for (long i = 0; i < rows; i += PRODUCT_ROWS)
            half_product_block(a + i * a_row, a_row, b + j, b_row, out + i * out_row + j, out_row, pairs, 2);
    if (j < columns)
        for (long i = 0; i < rows; i += PRODUCT_ROWS)
            half_product_block(a + i * a_row, a_row, b + j, b_row, out + i * out_row + j, out_row, pairs, 1);
}
#else
#define HALF_PRODUCTS 0

static void half_product(const uint32_t *a, long a_row, const uint32_t *b, long b_row, float *out, long out_row,
                         long rows, long columns, long pairs) {
    (void)a, (void)a_row, (void)b, (void)b_row, (void)out, (void)out_row, (void)rows, (void)columns, (void)pairs;
}
#endif

#endif
