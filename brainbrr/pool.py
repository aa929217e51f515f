"""Apply one function to many items in parallel processes."""

import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TypeVar

from brainbrr.errors import Failed

Item = TypeVar("Item")
Result = TypeVar("Result")

MEMBERSHIP, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


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
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _cpu_quota())))


def _cpu_quota() -> float:
    """Return the cores' worth of CPU time that the control groups of this process may use (Linux):
    `docker run --cpus=2` limits time, not the number of cores."""
    if not MEMBERSHIP.exists():
        return math.inf
    limits = [math.inf]
    for line in MEMBERSHIP.read_text().splitlines():
        # `0::/PATH` in version 2 of the groups, `4:cpu,cpuacct:/PATH` in version 1.
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = CGROUPS / "cpu" if controllers else CGROUPS
        group = top / path.lstrip("/")
        # Each group limits those below it. A container may see its own as the top.
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                limits.append(_limit(folder))
    return min(limits)


def _limit(group: Path) -> float:
    """Return quota over period of one control group."""
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
    elif (group / "cpu.cfs_quota_us").exists():
        quota = (group / "cpu.cfs_quota_us").read_text().strip()
        period = (group / "cpu.cfs_period_us").read_text()
    else:
        return math.inf
    return math.inf if quota in {"max", "-1"} else int(quota) / int(period)


def _tie_to_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it ends: orphans would wait indefinitely."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
