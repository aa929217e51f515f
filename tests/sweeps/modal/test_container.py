"""The body of a container, run here on jobs of a second."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from brainbrr.sweeps.modal import container
from brainbrr.sweeps.modal.container import Continues, run_job

LIGHT = [sys.executable, str(Path(__file__).parents[2] / "fakes" / "light_job.py")]


@pytest.fixture
def request_of(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "POLL_S", 0.02)
    container._COUNTED.set()

    def make(*arguments, **changes):
        run_dir = str(tmp_path / "run")
        return {
            "program": LIGHT, "arguments": ["train", *arguments, f"run_dir={run_dir}"],
            "run_dir": run_dir, "claims": "", "claim": "", "volumes": [], "startup_s": 0.0,
            "attempt_s": 60.0, "budget_s": 60.0, "download": ["*.json", "done.txt"],
            "download_bytes": 1000,
        } | changes  # fmt: skip

    return make


def after(seconds, number):
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()


def steps(tmp_path):
    return (tmp_path / "run" / "steps.txt").read_text().split()


def test_a_job_runs_to_its_end_and_its_small_files_come_along(request_of, tmp_path):
    result = run_job(request_of("steps=2", "step_s=0.01"))
    assert (result["state"], result["exit_code"]) == ("finished", 0)
    assert result["files"]["done.txt"] == b"done\n"
    assert json.loads((tmp_path / "run" / "result.json").read_text())["state"] == "finished"
    assert 0 < result["seconds"] < 20


def test_a_finished_job_is_told_and_not_run_again(request_of):
    first = run_job(request_of("steps=1", "step_s=0.01"))
    second = run_job(request_of("steps=1", "step_s=0.01"))
    assert second["files"]["done.txt"] == b"done\n"
    assert second["seconds"] == first["seconds"]


def test_a_failure_comes_back_with_its_last_words_and_is_not_kept(request_of, tmp_path):
    result = run_job(request_of("steps=1", "step_s=0.01", "end=3"))
    assert (result["state"], result["exit_code"]) == ("failed", 3)
    assert "this job fails by design" in result["tail"]
    assert "by design" in (tmp_path / "run" / "console.log").read_text()
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_preempted_container_lets_the_job_save_and_the_next_one_goes_on(
    request_of, tmp_path, number
):
    before = signal.getsignal(number)
    after(0.5, number)
    with pytest.raises(KeyboardInterrupt):
        run_job(request_of("steps=20", "step_s=0.05"))
    assert signal.getsignal(number) is before
    saved = len(steps(tmp_path))
    assert 0 < saved < 20
    result = run_job(request_of("steps=20", "step_s=0.05"))
    assert result["state"] == "finished"
    assert f"resumed at step {saved}" in result["tail"]
    assert steps(tmp_path) == [str(number) for number in range(1, 21)]


def test_when_the_attempt_s_time_is_up_it_saves_and_asks_to_be_run_again(request_of, tmp_path):
    with pytest.raises(Continues, match="saved after 0 s"):
        run_job(request_of("steps=50", "step_s=0.05", attempt_s=0.4))
    assert 0 < len(steps(tmp_path)) < 50


def test_money_is_counted_over_attempts_and_ends_the_job(request_of, tmp_path):
    result = run_job(request_of("steps=500", "step_s=0.05", budget_s=0.6))
    assert result["state"] == "out_of_budget"
    assert 0.6 <= result["seconds"] < 5.0
    n_steps = len(steps(tmp_path))
    again = run_job(request_of("steps=500", "step_s=0.05", budget_s=0.6))
    assert again["state"] == "out_of_budget"
    assert len(steps(tmp_path)) == n_steps, "it was begun without money"
    more = run_job(request_of("steps=500", "step_s=0.05", budget_s=again["seconds"] + 0.6))
    assert more["state"] == "out_of_budget"
    assert len(steps(tmp_path)) > n_steps


def test_a_machine_that_dies_leaves_its_time_counted(request_of, tmp_path):
    code = (
        "import json, sys; from brainbrr.sweeps.modal.container import run_job\n"
        "run_job(json.loads(sys.argv[1]))"
    )
    asked = json.dumps(request_of("steps=40", "step_s=0.05"))
    child = os.spawnlp(os.P_NOWAIT, sys.executable, sys.executable, "-c", code, asked)
    while not (tmp_path / "run" / "steps.txt").exists():
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    used = json.loads((tmp_path / "run" / "usage.json").read_text())["seconds"]
    assert used >= container.NOTE_S


def test_a_container_s_own_start_is_counted_once(monkeypatch):
    monkeypatch.setattr(container, "_COUNTED", threading.Event())
    since_start_s = container._uncounted_s()
    assert 0 < since_start_s < 3600
    assert container._uncounted_s() == 0.0


def test_one_that_saves_itself_without_being_asked_is_run_again(request_of):
    program = [sys.executable, "-c", "raise SystemExit(75)"]
    with pytest.raises(Continues, match="asked to save by another process"):
        run_job(request_of(program=program))


def test_a_job_that_does_not_save_is_killed_with_all_it_started(request_of, monkeypatch):
    monkeypatch.setattr(container, "GRACE_S", 0.3)
    code = (
        "import signal, time, os; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    result = run_job(request_of(program=[sys.executable, "-c", code], budget_s=0.6))
    assert (result["state"], result["exit_code"]) == ("out_of_budget", -signal.SIGKILL)


def test_large_files_stay_and_are_named(request_of):
    result = run_job(request_of("steps=1", "step_s=0.01", download_bytes=6))
    assert result["files"] == {"done.txt": b"done\n"}
    assert "scores.json" in result["left_out"]
