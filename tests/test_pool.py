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
from brainbrr.training.hardware import this_machine


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


UNDER_QUOTA = {
    "version 2": ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
    "a fraction": ("0::/\n", {"cpu.max": "250000 100000\n"}, 3),
    "below one": ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
    "of a parent": ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "3000 1000\n"}, 3),
    "a path of the host": ("0::/host/docker/x\n", {"cpu.max": "200000 100000\n"}, 2),
    "no limit": ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
    "nothing there": ("0::/\n", {}, 8),
    "version 1": (
        "5:memory:/m\n4:cpu,cpuacct:/docker/x\n",
        {"cpu/docker/x/cpu.cfs_quota_us": "400000\n", "cpu/docker/x/cpu.cfs_period_us": "100000\n"},
        4,
    ),
    "version 1, no limit": (
        "4:cpu:/\n0::/\n",
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        8,
    ),
}


@pytest.mark.parametrize("case", UNDER_QUOTA)
def test_cores_are_those_of_the_container_s_quota(case, tmp_path, monkeypatch):
    membership, files, expected = UNDER_QUOTA[case]
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(pool, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(pool, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert n_cores() == this_machine().cores == expected
