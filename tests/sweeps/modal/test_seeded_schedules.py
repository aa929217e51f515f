"""One hundred seeded courses of trouble: whatever happens, each job is completed once, within the
cap, and the ledger can be replayed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from brainbrr.sweeps.modal.ledger import Ledger
from tests.fakes.control_plane import ControlPlane

CLIENT = Path(__file__).resolve().parents[2] / "fakes" / "light_client.py"
N_SCHEDULES = 100
USD_PER_HOUR = 3600.0
"""A dollar a second, so that seconds and dollars are the same number."""
STARTUP_S = 3.0


@dataclass
class Course:
    """What happens to one sweep.

    Attributes:
        ends: exit code of each job; None: it never ends by itself.
        trouble: when, in seconds, what happens: preempt, die (the machine), kill (the client),
            twin (a second launch beside the first).
    """

    ends: list[int | None]
    trouble: list[tuple[float, str]] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> "Course":
        draw = random.Random(seed)
        ends = [draw.choice([0, 0, 0, 0, 7, None]) for _ in range(3)]
        kinds = ["preempt", "preempt", "die", "kill", "kill", "twin"]
        times = sorted(draw.uniform(0.3, 4.0) for _ in range(draw.randint(1, 4)))
        return cls(ends, [(at, draw.choice(kinds)) for at in times])


class Watched:
    """One course under way."""

    def __init__(self, plane: ControlPlane, folder: Path, course: Course) -> None:
        self.plane, self.course = plane, course
        self.ledger = folder / "ledger.jsonl"
        base = plane.world.base
        jobs = [
            [f"seed={number}", f"steps={10_000 if end is None else 8}", "step_s=0.1",
             f"end={end or 0}"]
            for number, end in enumerate(course.ends)
        ]  # fmt: skip
        self.results = base / "mnt" / "results"
        self.options = {
            "results": str(self.results), "ledger": str(self.ledger), "jobs": jobs, "retries": 5,
            "startup_s": STARTUP_S, "attempt_s": 600.0, "usd_per_hour": USD_PER_HOUR,
            "max_usd": 60.0,
        }  # fmt: skip
        paths = [str(CLIENT.parents[2]), *(p for p in sys.path if (Path(p) / "modal").is_dir())]
        self.environment = {
            **os.environ, **plane.environment, "PYTHONPATH": os.pathsep.join(paths),
        }  # fmt: skip
        self.clients: list[subprocess.Popen[str]] = []

    def launch(self) -> None:
        arguments = [sys.executable, str(CLIENT), json.dumps(self.options)]
        self.clients.append(
            subprocess.Popen(
                arguments, env=self.environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        )  # fmt: skip

    def happen(self, kind: str) -> None:
        if kind == "kill" and self.clients[-1].poll() is None:
            self.clients[-1].send_signal(signal.SIGKILL)
            self.clients[-1].communicate()
            self.launch()
        elif kind == "twin":
            self.launch()
        elif kind in {"preempt", "die"}:
            for container in self.plane.alive()[:1]:
                if container.process is not None and kind == "preempt":
                    self.plane.preempt(container)
                elif container.process is not None:
                    self.plane.kill(container)

    def run(self) -> dict[str, str]:
        began = time.monotonic()
        self.launch()
        for at, kind in self.course.trouble:
            time.sleep(max(at - (time.monotonic() - began), 0))
            self.happen(kind)
        message = [client.communicate(timeout=200)[0] for client in self.clients]
        last = [json.loads(text.splitlines()[-1]) for text in message if text and "{" in text]
        assert last and all(each == last[0] for each in last), message
        return last[0]


def completions(watched: Watched) -> Counter[str]:
    """How often each job was completed, by its arguments."""
    found: Counter[str] = Counter()
    for done in watched.results.glob("runs/*/done.txt"):
        found[done.parent.name] = len(done.read_text().splitlines())
    return found


def test_a_quiet_course_and_a_second_launch_that_sends_nothing(plane, tmp_path: Path) -> None:
    watched = Watched(plane, tmp_path, Course([0, 7]))
    assert watched.run() == {"0": "finished", "1": "failed"}
    assert watched.run() == {"0": "finished", "1": "failed"}
    assert plane.count("FunctionMap") == 2 and plane.count("AppCreate") == 1
    assert sorted(completions(watched).values()) == [1, 1]
    assert plane.count("VolumeCommit") >= 2


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("decade", range(N_SCHEDULES // 10))
def test_each_job_is_completed_once_within_the_cap(decade: int, tmp_path: Path) -> None:
    for seed in range(10 * decade, 10 * decade + 10):
        check(seed, tmp_path / str(seed))


def check(seed: int, folder: Path) -> None:
    course = Course.of(seed)
    folder.mkdir(parents=True)
    with ControlPlane(folder / "modal", max_containers=3, grace_s=10.0) as plane:
        watched = Watched(plane, folder, course)
        states = watched.run()
        wanted = {
            str(number): {0: "finished", None: "out_of_budget"}.get(end, "failed")
            for number, end in enumerate(course.ends)
        }
        assert states == wanted, f"seed {seed}: {course}\n{plane.logs()[-4000:]}"
        counts = completions(watched)
        n_ending = sum(end is not None for end in course.ends)
        assert sorted(counts.values()) == [1] * n_ending, f"seed {seed}: {course} {counts}"
        steps = watched.results.glob("runs/*/steps.txt")
        for path in steps:
            numbers = [int(line) for line in path.read_text().split()]
            # A machine that died may repeat the one step whose checkpoint was not yet in place.
            assert all(after - before in {0, 1} for before, after in pairwise(numbers))
        billed = sum(
            (each.ended_at or time.monotonic()) - each.born_at
            for each in plane.world.containers.values()
            if each.fetched  # one that died before a job's own code ran has no meter
        )
        assert billed <= 60.0, f"seed {seed}: {billed:.1f} USD, {course}"
        records = Ledger(watched.ledger).records()
        replayed = sorted(record.state for record in records.values())
        assert replayed == sorted(wanted.values()), f"seed {seed}"
        assert not any(record.is_open for record in records.values())
