import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brainbrr import pool
from brainbrr.errors import Failed
from brainbrr.pool import each_in_pool, n_cores


def double(number):
    return 2 * number, os.getpid()


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_with_their_items():
    alone = dict(each_in_pool(double, [1, 2, 3], 1))
    assert alone == {number: (2 * number, os.getpid()) for number in (1, 2, 3)}
    assert not list(each_in_pool(double, [], None))


def test_workers_are_other_processes():
    results = dict(each_in_pool(double, [1, 2, 3], 2))
    assert {number: value for number, (value, _) in results.items()} == {1: 2, 2: 4, 3: 6}
    assert os.getpid() not in {process for _, process in results.values()}


def test_a_worker_that_is_killed_is_reported():
    with pytest.raises(Failed, match="was killed, probably out of memory.*workers=1"):
        list(each_in_pool(die, [1, 2], 2))


def is_running(process):
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().split(")")[1].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
def test_workers_end_with_their_parent(tmp_path):
    script = tmp_path / "sleepers.py"
    script.write_text(
        "import os, time\n"
        "from brainbrr.pool import each_in_pool\n"
        "def sleep(seconds):\n"
        "    os.write(1, f'{os.getpid()}\\n'.encode())\n"
        "    time.sleep(seconds)\n"
        "if __name__ == '__main__':\n"
        "    list(each_in_pool(sleep, [60, 60], 2))\n"
    )
    root = str(Path(pool.__file__).parents[1])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert parent.stdout is not None
    try:
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(is_running(worker) for worker in workers)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.02)


def test_cores_are_those_this_process_may_use():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system pins no process to cores")
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert n_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert n_cores() == len(allowed)
