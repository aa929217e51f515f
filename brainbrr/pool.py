"""Apply one function to many items in parallel processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TypeVar

from brainbrr.errors import Failed

Item = TypeVar("Item")
Result = TypeVar("Result")


def each_in_pool(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None
) -> Iterator[tuple[Item, Result]]:
    """Yield items with their results, as they complete.

    Args:
        function: importable by name, because it is pickled; what it raises is raised here.
        workers: processes; None for one per core, 1 for this process only.

    Raises:
        Failed: a worker process was killed.
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
            raise Failed(
                "a worker process was killed, probably out of memory",
                "Run again with fewer: workers=1 (or prepare.workers=1). Finished work is kept.",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def n_cores() -> int:
    """Count the cores this process may use: in a container, not all of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tie_to_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it ends: orphans would wait indefinitely."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
