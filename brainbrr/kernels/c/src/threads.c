/* Where the kernels' threads come from: see threads.h. */
#include "threads.h"

thread_team brainbrr_team = NULL;

/* A forked process has the team's memory, but none of its threads. */
static void forget_team(void) { brainbrr_team = NULL; }

/* NULL: threads of our own. */
void brainbrr_use_team(thread_team team) {
    static int watched = 0;
    if (!watched) watched = !pthread_atfork(NULL, NULL, forget_team);
    brainbrr_team = watched ? team : NULL;
}
