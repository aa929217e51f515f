"""Runs as submitit's jobs: all end, at most so many at a time, a GPU for each."""

import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest
from hydra.core.utils import JobReturn, JobStatus

from brainbrr.errors import Failed, Unavailable
from hydra_plugins.brainbrr_sweeps.local_launcher import LocalLauncher

module = pytest.importorskip("hydra_plugins.hydra_submitit_launcher.submitit_launcher")


@pytest.fixture
def launched(monkeypatch):
    """Launches jobs of a fake submitit; the results, and what it saw of each job."""
    seen, lock = {}, threading.Lock()

    class Submitit:
        def __init__(self, **params):
            self.params = params

        def setup(self, **parts):
            assert parts == {"config": 1}

        def launch(self, job_overrides, initial_job_idx):
            (overrides,) = job_overrides
            began = time.monotonic()
            time.sleep(0.1)
            with lock:
                seen[initial_job_idx] = (began, time.monotonic(), self.params)
            if overrides == ["end=killed"]:
                from submitit.core.utils import UncompletedJobError

                raise UncompletedJobError("no result")
            job = JobReturn()
            job.status = JobStatus.FAILED if overrides == ["end=failed"] else JobStatus.COMPLETED
            job.return_value = ValueError("no") if overrides == ["end=failed"] else 0.5
            return [job]

    monkeypatch.setattr(module, "LocalLauncher", Submitit)

    def launch(ends, first=0, **options):
        launcher = LocalLauncher(**{"n_jobs": 2, "devices": None, "timeout_min": 5, **options})
        launcher.setup(config=1)
        return launcher.launch([[f"end={end}"] for end in ends], first), seen

    return launch


def test_a_failing_run_costs_no_other(launched):
    jobs, seen = launched(["finished", "failed", "killed", "finished", "finished"])
    completed = [job.status == JobStatus.COMPLETED for job in jobs]
    assert completed == [True, False, False, True, True] and sorted(seen) == [0, 1, 2, 3, 4]
    assert jobs[3].return_value == 0.5
    with pytest.raises(ValueError, match="no"):
        _ = jobs[1].return_value
    with pytest.raises(Failed, match=r"run 2 was killed \(no result\)"):
        _ = jobs[2].return_value


def test_so_many_runs_at_a_time(launched):
    _, seen = launched(["finished"] * 5)
    events = sorted(
        event for began, ended, _ in seen.values() for event in ((began, 1), (ended, -1))
    )
    running = [sum(step for _, step in events[: n + 1]) for n in range(len(events))]
    assert max(running) == 2
    assert seen[0][2] == {"timeout_min": 5}


def test_gpus_are_shared_and_never_used_twice_at_once(launched):
    _, seen = launched(["finished"] * 4, first=3, devices=[4, "5,6"], n_jobs=9)
    assert sorted(seen) == [3, 4, 5, 6]
    for gpu in ("4", "5,6"):
        setup = [f"export CUDA_VISIBLE_DEVICES={gpu}"]
        spans = sorted(each[:2] for each in seen.values() if each[2]["setup"] == setup)
        assert spans and all(first[1] <= then[0] for first, then in pairwise(spans))


def test_without_submitit_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit.core.utils", None)
    with pytest.raises(Unavailable, match=r"brainbrr\[slurm\]"):
        LocalLauncher(n_jobs=1, devices=None).launch([["a=1"]], 0)


WATCHED = """
import signal, sys, time
from hydra_plugins.brainbrr_sweeps.local_launcher import end_with
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
end_with(int(sys.argv[1]), every_s=0.05)
print("watching", flush=True)
time.sleep(60)
"""


def test_a_run_gets_sigterm_when_its_launcher_is_killed():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as launcher:
        command = [sys.executable, "-c", WATCHED, str(launcher.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout.readline() == "watching\n"
            time.sleep(0.3)
            assert run.poll() is None
            launcher.kill()
            launcher.wait()
            assert run.wait(timeout=30) == 75
