"""Sweeps as users start them, on a synthetic corpus of minutes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brainbrr.sweeps.study import journal_storage
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.metrics_file import read_metrics

ROOT = Path(__file__).resolve().parents[2]
BRAINBRR = [sys.executable, "-m", "brainbrr"]
CORPUS = (
    "n_subjects.train=3", "n_subjects.val=2", "n_subjects.test=2", "n_recordings=1",
    "duration_s=150", "max_seizure_s=40", "rates_hz=[256]", "seizures_per_hour.train=60",
    "seizures_per_hour.val=30", "seizures_per_hour.test=30",
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]


def begun(work, *arguments):
    """A command under way, what it says going to a file."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (work / "said").open("a") as said:
        return subprocess.Popen(
            [*BRAINBRR, *arguments], cwd=work, env=environment, stdout=said, stderr=said
        )


def run(work, *arguments, code=0):
    assert begun(work, *arguments).wait() == code, (work / "said").read_text()[-3000:]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps")
    run(folder, "synthesize", "output=corpus", *CORPUS)
    return folder


def tiny(work, *others):
    return [
        "train", "experiment=tiny", f"data.root={work / 'corpus'}", "data.max_recordings=null",
        f"paths.cache={work / 'cache'}", "report_cases=0", *others,
    ]  # fmt: skip


def states(folder):
    """How each run of a sweep ended, by its folder's name."""
    files = sorted(folder.glob("*/outcome.json"))
    return {file.parent.name: json.loads(file.read_text())["state"] for file in files}


@pytest.mark.parametrize(
    "launcher",
    [
        (),
        ("hydra/launcher=submitit_local",),
        ("hydra/launcher=local", "hydra.launcher.n_jobs=2"),
    ],
    ids=["basic", "submitit", "local"],
)
def test_a_failing_run_costs_no_other(work, launcher, request):
    folder = work / request.node.callspec.id
    sweep = tiny(
        work, "-m", "trainer.max_epochs=1", f"hydra.sweep.dir={folder}", "optimizer.lr=1e-3,-1,1e-4"
    )
    run(work, *sweep, *launcher, code=2)
    assert states(folder) == {"0": "finished", "1": "failed", "2": "finished"}
    run(work, "sweep-table", str(folder))
    with (folder / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"]: row["optimizer.lr"] for row in rows} == {
        "0": "0.001", "1": "-1", "2": "0.0001",
    }  # fmt: skip
    # Launched again, what is finished stays as it is.
    before = (folder / "0" / "scores.json").stat().st_mtime_ns
    run(work, *sweep, *launcher, code=2)
    assert (folder / "0" / "scores.json").stat().st_mtime_ns == before


def test_two_processes_train_what_one_does(work):
    alike = ("trainer.deterministic=false",)
    run(work, *tiny(work, *alike, "dataloader.batch_size=2", f"run_dir={work / 'one'}"))
    two = ("dataloader.batch_size=1", "trainer.devices=2", f"run_dir={work / 'two'}")
    run(work, *tiny(work, *alike, *two))
    one, two = (
        read_checkpoint(work / name / "checkpoints" / "last.ckpt") for name in ("one", "two")
    )
    assert two["fingerprint"]["n_ranks"] == 2
    for name, value in one["state_dict"].items():
        # Gradients are summed in another order.
        assert (value - two["state_dict"][name]).abs().max() < 1e-5, name
    scores = [json.loads((work / name / "scores.json").read_text()) for name in ("one", "two")]
    for key in ("auroc", "average_precision"):
        first, second = (each["sample_level"][key] for each in scores)
        assert second == pytest.approx(first, abs=1e-3)


def test_a_search_that_was_killed_goes_on(work):
    search = tiny(
        work, "-m", "hparams_search=optuna", "hydra.sweeper.study=search",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.pruner={name:median,n_startup_trials:9,n_warmup_steps:0}",
    )  # fmt: skip
    folder = work / "multirun" / "search"
    process = begun(work, *search)
    while not (folder / "1" / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None, (work / "said").read_text()[-3000:]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "1" not in states(folder)
    run(work, *search)
    assert states(folder) == dict.fromkeys("0123", "finished")
    trials = journal_storage(folder / "study.journal").get_all_trials(0)
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    assert all(trial.state.name == "COMPLETE" for trial in trials)
    # The second run went on instead of beginning anew, which would have logged its steps twice.
    steps = [(step, name) for step, name, _ in read_metrics(folder / "1" / "metrics.csv")]
    assert len(steps) == len(set(steps))
