"""How threads of OpenMP and OpenBLAS wait for work."""

import os


def let_idle_threads_sleep() -> None:
    """Set OpenMP and OpenBLAS, before they load, not to spin while they wait.

    With one other busy process on two cores, spinning made a training step 6.8 times slower; on an
    idle machine it gains nothing. Preparation multiplies matrices too small for several threads:
    with one thread it took 8.1 s instead of 13.5 s in two processes on two cores. torch has its own
    thread pool. Values set by the user are kept.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
