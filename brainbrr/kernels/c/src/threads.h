/* Groups of work shared out over threads: torch's own if its OpenMP runtime was found, whose idle threads would
 * otherwise take the CPU from ours; if not, threads that live for one call. The groups do not depend on the number of
 * threads and their sums are taken in order, so results are equal to the bit however many threads there are. */
#ifndef BRAINBRR_THREADS_H
#define BRAINBRR_THREADS_H

#include <pthread.h>
#include <stdlib.h>

#define MAX_GROUPS 32
#define MAX_THREADS 256

/* GOMP_parallel of GNU's, Intel's and LLVM's runtime: runs the function in a team of threads. NULL for none. */
typedef void (*thread_team)(void (*)(void *), void *, unsigned, unsigned);
extern thread_team brainbrr_team;

typedef void (*group_work)(void *task, long group, float *scratch);

typedef struct {
    group_work work;
    void *task;
    long n_groups;
    long next;
    size_t scratch_floats;
} shared_work;

/* First sequence of a group; the group ends where the next begins. */
static inline long group_start(long group, long n_groups, long batch) { return batch * group / n_groups; }

static void take_groups(void *argument) {
    shared_work *shared = argument;
    void *scratch = NULL;
    if (posix_memalign(&scratch, 64, shared->scratch_floats * sizeof(float))) return;
    for (;;) {
        long group = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
        if (group >= shared->n_groups) break;
        shared->work(shared->task, group, scratch);
    }
    free(scratch);
}

static void *take_groups_alone(void *argument) {
    take_groups(argument);
    return NULL;
}

/* 0, or 1 where no thread found memory to work in. The calling thread works too, so failing threads cost time only. */
static int share_out(group_work work, void *task, long n_groups, long n_threads, size_t scratch_floats) {
    shared_work shared = {work, task, n_groups, 0, scratch_floats};
    pthread_t threads[MAX_THREADS];
    long started = 0;
    if (n_threads > n_groups) n_threads = n_groups;
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;
    if (brainbrr_team && n_threads > 1) {
        brainbrr_team(take_groups, &shared, (unsigned)n_threads, 0);
        return shared.next < n_groups;
    }
    while (started < n_threads - 1 && !pthread_create(&threads[started], NULL, take_groups_alone, &shared)) started++;
    take_groups(&shared);
    for (long i = 0; i < started; i++) pthread_join(threads[i], NULL);
    return shared.next < n_groups;
}

#endif
