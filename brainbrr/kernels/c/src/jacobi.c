/* Eigenvectors of many small symmetric matrices by Jacobi's rotations, one matrix in each lane.
 * A matrix that has converged is not turned further, so its numbers do not depend on its neighbours. */
#include "vec.h"
#include "threads.h"

#define MAX_SWEEPS 12
#define CONVERGED 1e-14f /* of the squares off the diagonal, relative to those on it */

typedef struct {
    int64_t batch, n, n_vectors, threads;
} jacobi_shape;

typedef struct {
    jacobi_shape s;
    const float *matrices;
    float *vectors; /* (batch, n, n_vectors), in the order of the eigenvalues */
    long n_groups, bundles;
} jacobi_task;

/* Entry (i, j) of the upper triangle, i <= j, and row i of the eigenvectors' transpose. */
#define UPPER(i, j) (upper + ((i) * n + (j)) * LANES)
#define ROW(i) (rows + (i) * n * LANES)

static void begin(const jacobi_task *k, long first, float *upper, float *rows) {
    long n = k->s.n;
    for (long lane = 0; lane < LANES; lane++) {
        /* Lanes after the last matrix repeat it. */
        long which = first + lane < k->s.batch ? first + lane : k->s.batch - 1;
        for (long i = 0; i < n * n; i++) upper[i * LANES + lane] = k->matrices[which * n * n + i];
    }
    for (long i = 0; i < n * n; i++) store(rows + i * LANES, splat(i / n == i % n ? 1.0f : 0.0f));
}

/* Which lanes still have something off their diagonal; NaN never converges. */
static ivec unfinished(const float *upper, long n) {
    vec on = splat(0.0f), off = splat(0.0f);
    for (long i = 0; i < n; i++) {
        on += load(UPPER(i, i)) * load(UPPER(i, i));
        for (long j = i + 1; j < n; j++) off += load(UPPER(i, j)) * load(UPPER(i, j));
    }
    return ~(ivec)(off <= splat(CONVERGED) * on);
}

INLINE void turn(float *a, float *b, vec cosine, vec sine) {
    vec x = load(a), y = load(b);
    store(a, cosine * x - sine * y);
    store(b, sine * x + cosine * y);
}

static vec root(vec x) {
    vec out;
    for (int i = 0; i < LANES; i++) out[i] = sqrtf(x[i]);
    return out;
}

/* Turn p and q so that their entry vanishes (Golub and Van Loan, Matrix Computations, 8.5). */
static void rotate(float *upper, float *rows, long n, long p, long q, ivec active) {
    vec entry = load(UPPER(p, q)), twice = entry + entry, gap = load(UPPER(q, q)) - load(UPPER(p, p));
    vec size = where(gap < splat(0.0f), -gap, gap) + root(gap * gap + twice * twice);
    vec tangent = where(gap < splat(0.0f), -twice, twice) / size;
    tangent = where(active & ~(ivec)(size == splat(0.0f)), tangent, splat(0.0f));
    vec cosine = splat(1.0f) / root(tangent * tangent + splat(1.0f)), sine = tangent * cosine;
    store(UPPER(p, p), load(UPPER(p, p)) - tangent * entry);
    store(UPPER(q, q), load(UPPER(q, q)) + tangent * entry);
    store(UPPER(p, q), where(active, splat(0.0f), entry));
    for (long k = 0; k < p; k++) turn(UPPER(k, p), UPPER(k, q), cosine, sine);
    for (long k = p + 1; k < q; k++) turn(UPPER(p, k), UPPER(k, q), cosine, sine);
    for (long k = q + 1; k < n; k++) turn(UPPER(p, k), UPPER(q, k), cosine, sine);
    for (long k = 0; k < n; k++) turn(ROW(p) + k * LANES, ROW(q) + k * LANES, cosine, sine);
}

/* The eigenvectors of one lane, those of the smallest eigenvalues first; equal ones in the order of the diagonal. */
static void give(const jacobi_task *k, long which, long lane, const float *upper, const float *rows, long *order) {
    long n = k->s.n;
    for (long i = 0; i < n; i++) {
        float value = UPPER(i, i)[lane];
        long place = i;
        for (; place > 0 && UPPER(order[place - 1], order[place - 1])[lane] > value; place--) order[place] = order[place - 1];
        order[place] = i;
    }
    for (long i = 0; i < n; i++)
        for (long v = 0; v < k->s.n_vectors; v++)
            k->vectors[(which * n + i) * k->s.n_vectors + v] = ROW(order[v])[i * LANES + lane];
}

static void jacobi_group(void *task, long group, float *scratch) {
    const jacobi_task *k = task;
    long n = k->s.n;
    float *upper = scratch, *rows = scratch + n * n * LANES;
    long *order = (long *)(rows + n * n * LANES);
    for (long bundle = group_start(group, k->n_groups, k->bundles); bundle < group_start(group + 1, k->n_groups, k->bundles); bundle++) {
        long first = bundle * LANES;
        begin(k, first, upper, rows);
        for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
            ivec active = unfinished(upper, n);
            int any = 0;
            for (int i = 0; i < LANES; i++) any |= active[i];
            if (!any) break;
            for (long p = 0; p < n; p++)
                for (long q = p + 1; q < n; q++) rotate(upper, rows, n, p, q, active);
        }
        for (long lane = 0; lane < LANES && first + lane < k->s.batch; lane++) give(k, first + lane, lane, upper, rows, order);
    }
}

/* matrices (batch, n, n), of which the upper triangle is read. */
int brainbrr_jacobi(const jacobi_shape *shape, const float *matrices, float *vectors) {
    long n = shape->n, bundles = (shape->batch + LANES - 1) / LANES;
    jacobi_task k = {*shape, matrices, vectors, bundles < MAX_GROUPS ? bundles : MAX_GROUPS, bundles};
    return share_out(jacobi_group, &k, k.n_groups, shape->threads, 2 * n * n * LANES + 2 * n);
}
