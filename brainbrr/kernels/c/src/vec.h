/* Vectors of floats in the compiler's own extension (gcc, clang), as wide as the CPU's registers,
 * and the few elementary functions the kernels need. NaN and infinity pass through every one of them. */
#ifndef BRAINBRR_VEC_H
#define BRAINBRR_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define EACH_LANE(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
#elif defined(__AVX__)
#define LANES 8
#define EACH_LANE(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#else
#define LANES 4
#define EACH_LANE(f) f(0), f(1), f(2), f(3)
#endif

#define INLINE static inline __attribute__((always_inline, unused))

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef float loose_vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vec load(const float *p) { return *(const loose_vec *)p; }
INLINE void store(float *p, vec v) { *(loose_vec *)p = v; }

INLINE vec splat(float f) {
#define SAME(i) f
    return (vec){EACH_LANE(SAME)};
#undef SAME
}

INLINE long round_up(long n, long multiple) { return (n + multiple - 1) / multiple * multiple; }

INLINE vec where(ivec mask, vec yes, vec no) {
    return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask));
}

/* 2^n p for whole numbers n >= -150, p within [0.7, 1.5]: rounded, denormal or infinite as it comes. */
INLINE vec scaled_by_power(vec p, vec n, vec shifted) {
#if defined(__AVX512F__)
    (void)shifted;
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    (void)n;
    /* In two halves, for 2^n alone may be out of range. */
    ivec exponent = (ivec)shifted - (ivec)splat(12582912.0f), half = exponent >> 1;
    return p * (vec)((half + 127) << 23) * (vec)((exponent - half + 127) << 23);
#endif
}

/* Bounds that let NaN through. */
INLINE vec within(vec x, float low, float high) {
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)splat(low), _mm512_min_ps((__m512)splat(high), (__m512)x));
#else
    x = where(x < splat(low), splat(low), x);
    return where(x > splat(high), splat(high), x);
#endif
}

/* exp of bounded numbers, to 2 units in the last place. */
INLINE vec exp_within(vec x) {
    const vec magic = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to the nearest integer */
    vec shifted = x * splat(1.44269504088896341f) + magic;
    vec n = shifted - magic;
    vec r = x - n * splat(0.693359375f);
    r = r - n * splat(-2.12194440e-4f);
    /* 1 + r + r^2 q(r), q of the least largest error on |r| <= ln(2) / 2. */
    vec q = splat(1.3922508e-3f);
    q = q * r + splat(8.3631383e-3f);
    q = q * r + splat(4.1666559e-2f);
    q = q * r + splat(1.6666579e-1f);
    q = q * r + splat(0.5f);
    vec p = q * (r * r) + (r + splat(1.0f));
    return scaled_by_power(p, n, shifted);
}

/* exp to 2 units in the last place; 0 below -104, infinity above 88.73. */
INLINE vec vexp(vec x) { return exp_within(within(x, -104.0f, 89.0f)); }

/* 1 / x to 2 units in the last place, for x from 2^-125 to 2^125; division takes five times as long. */
INLINE vec reciprocal(vec x) {
#if defined(__AVX512F__)
    vec guess = (vec)_mm512_rcp14_ps((__m512)x);
    return guess * (splat(2.0f) - x * guess);
#else
    return splat(1.0f) / x;
#endif
}

/* 1 / sqrt(x) to 2 units in the last place, for x from 2^-125 to 2^125. */
INLINE vec reciprocal_root(vec x) {
#if defined(__AVX512F__)
    vec guess = (vec)_mm512_rsqrt14_ps((__m512)x);
    return guess * (splat(1.5f) - splat(0.5f) * x * guess * guess);
#else
    vec root;
    for (int i = 0; i < LANES; i++) root[i] = 1.0f / sqrtf(x[i]);
    return root;
#endif
}

/* To 3 units in the last place, and not below 1.8e-35. */
INLINE vec vsigmoid(vec x) { return reciprocal(splat(1.0f) + exp_within(-within(x, -80.0f, 80.0f))); }

/* log(1 + exp(x)) without overflow, and exact in relative terms where it is tiny:
 * log(1 + e) = e p(e), p of the least largest error on 0 <= e <= 1. */
INLINE vec vsoftplus(vec x) {
    vec positive = where(x < splat(0.0f), splat(0.0f), x);
    vec e = vexp(where(x < splat(0.0f), x, -x));
    vec p = splat(5.3298964e-3f);
    p = p * e - splat(2.9882202e-2f);
    p = p * e + splat(7.8816900e-2f);
    p = p * e - splat(1.3711363e-1f);
    p = p * e + splat(1.9127868e-1f);
    p = p * e - splat(2.4848581e-1f);
    p = p * e + splat(3.3319887e-1f);
    p = p * e - splat(4.9999547e-1f);
    p = p * e + splat(1.0f);
    return positive + e * p;
}

#define EVEN(i) (2 * (i))
#define ODD(i) (2 * (i) + 1)
/* Sums of neighbouring lanes: those of a, then those of b. */
INLINE vec pair_sum(vec a, vec b) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, EACH_LANE(EVEN)) + __builtin_shufflevector(a, b, EACH_LANE(ODD));
#else
    return __builtin_shuffle(a, b, (ivec){EACH_LANE(EVEN)}) + __builtin_shuffle(a, b, (ivec){EACH_LANE(ODD)});
#endif
}

/* One vector whose lane i is the sum over the lanes of rows[i]: a tree of pairs, so all lanes stay at work. */
INLINE vec sum_each(const float *rows) {
    vec level[LANES];
    for (int i = 0; i < LANES; i++) level[i] = load(rows + i * LANES);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) level[i] = pair_sum(level[2 * i], level[2 * i + 1]);
    return level[0];
}

INLINE float sum_lanes(vec v) {
    float total = 0.0f;
    for (int i = 0; i < LANES; i++) total += v[i];
    return total;
}

/* Rows are short: a call of memcpy would cost more than the copy. */
INLINE void copy_floats(float *to, const float *from, long n) {
    long i = 0;
    for (; i + LANES <= n; i += LANES) store(to + i, load(from + i));
    for (; i < n; i++) to[i] = from[i];
}

#endif
