/* The Gaussian error linear unit x P(x), P the normal distribution's cumulative function, and its derivative. */
#ifndef BRAINBRR_GELU_H
#define BRAINBRR_GELU_H

#include "vec.h"

#define INVERSE_ROOT_TWO_PI 0.3989422804f

typedef struct {
    vec below, density; /* P(x), and its derivative times sqrt(2 pi) */
} normal;

/* P(-|x|) = exp(-x^2 / 2) t p(t), t = 1 / (1 + 0.2687 |x|): within 2e-7 of it in relative terms. */
INLINE normal normal_at(vec x) {
    vec size = where(x < splat(0.0f), -x, x);
    vec t = reciprocal(splat(1.0f) + splat(0.268700577f) * within(size, 0.0f, 1e6f));
    vec p = splat(2.943705204e-2f);
    p = p * t - splat(1.309046393e-1f);
    p = p * t + splat(1.814184476e-1f);
    p = p * t - splat(8.011066623e-2f);
    p = p * t + splat(1.145585547e-1f);
    p = p * t + splat(6.953147648e-2f);
    p = p * t + splat(1.018966095e-1f);
    p = p * t + splat(1.069682380e-1f);
    p = p * t + splat(1.072049370e-1f);
    normal at;
    at.density = vexp(splat(-0.5f) * x * x);
    vec tail = at.density * t * p;
    at.below = where(x < splat(0.0f), tail, splat(1.0f) - tail);
    return at;
}

INLINE vec gelu(vec x) { return x * normal_at(x).below; }

INLINE vec gelu_slope(vec x) {
    normal at = normal_at(x);
    return at.below + splat(INVERSE_ROOT_TWO_PI) * x * at.density;
}

#endif
