"""One function over many items, in as many processes as there are cores."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TypeVar

from brainbrr.errors import BrainbrrError

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDied(BrainbrrError):
    """A worker process that was killed, most often for want of memory."""


def each_in_pool(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None
) -> Iterator[tuple[Item, Result]]:
    """Items with their results, as they come.

    Args:
        function: importable by name, as it travels to the workers; what it raises is raised here.
        workers: processes; None for one a core, 1 for none beside this one.

    Raises:
        WorkerDied: a worker process was killed.
    """
    n_workers = min(workers or n_cores(), len(items))
    if n_workers <= 1:
        yield from ((item, function(item)) for item in items)
        return
    # Spawned, not forked: a fork would copy the locks of other threads in whatever state they are.
    with ProcessPoolExecutor(
        n_workers, mp_context=get_context("spawn"), initializer=_tie_to_parent
    ) as pool:
        try:
            futures: dict[Future[Result], Item] = {
                pool.submit(function, item): item for item in items
            }
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise WorkerDied(
                "worker processes that live",
                "one was killed, most likely for want of memory",
                "Run again with fewer: workers=1 (or prepare.workers=1). What is done stays done.",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def n_cores() -> int:
    """Cores this process may use; in a container or a batch job fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tie_to_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends: orphans would wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
