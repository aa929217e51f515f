/* Vectors of floats in the compiler's own extension (gcc, clang), as wide as the processor's registers,
 * and the few elementary functions the kernels need. NaN and infinity pass through every one of them. */
#ifndef BRAINBRR_VEC_H
#define BRAINBRR_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
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

/* exp to 2 units in the last place. Below -87.3 it is 0, above 88.37 infinity. */
INLINE vec vexp(vec x) {
    const vec magic = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to the nearest integer */
    vec shifted = x * splat(1.44269504088896341f) + magic;
    vec n = shifted - magic;
    vec r = x - n * splat(0.693359375f);
    r = r - n * splat(-2.12194440e-4f);
    vec p = splat(1.9875691500e-4f);
    p = p * r + splat(1.3981999507e-3f);
    p = p * r + splat(8.3334519073e-3f);
    p = p * r + splat(4.1665795894e-2f);
    p = p * r + splat(1.6666665459e-1f);
    p = p * r + splat(5.0000001201e-1f);
    p = p * r * r + r + splat(1.0f);
    ivec exponent = (ivec)shifted - (ivec)magic;
    vec scaled = p * (vec)((exponent + 127) << 23);
    scaled = where(x < splat(-87.3f), splat(0.0f), scaled);
    return where(x > splat(88.37f), splat(INFINITY), scaled);
}

INLINE vec vsigmoid(vec x) { return splat(1.0f) / (splat(1.0f) + vexp(-x)); }

/* log(1 + exp(x)) without overflow, and exact in relative terms where it is tiny:
 * log1p(e) = 2 atanh(e / (2 + e)), whose argument never exceeds 1/3. */
INLINE vec vsoftplus(vec x) {
    vec positive = where(x < splat(0.0f), splat(0.0f), x);
    vec e = vexp(where(x < splat(0.0f), x, -x));
    vec s = e / (splat(2.0f) + e);
    vec q = s * s;
    vec p = splat(1.0f / 17);
    p = p * q + splat(1.0f / 15);
    p = p * q + splat(1.0f / 13);
    p = p * q + splat(1.0f / 11);
    p = p * q + splat(1.0f / 9);
    p = p * q + splat(1.0f / 7);
    p = p * q + splat(1.0f / 5);
    p = p * q + splat(1.0f / 3);
    p = p * q + splat(1.0f);
    return positive + splat(2.0f) * s * p;
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
