"""Real training jobs in real containers' entry points: one fails, one is preempted, two finish."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.metrics_file import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(0)]

CORPUS = [
    "n_subjects.train=6", "n_subjects.val=2", "n_subjects.test=2", "n_recordings=1",
    "seizures_per_hour.train=60", "seizures_per_hour.val=60", "seizures_per_hour.test=60",
    "duration_s=240", "max_seizure_s=40", "rates_hz=[256]",
]  # fmt: skip
TINY = [
    "experiment=tiny", "hardware=cpu", "trainer.limit_train_batches=10",
    "data.max_recordings=null",
]  # fmt: skip
RATES = ["0.0001", "0.0002", "0.0003", "1e30"]


def begun_steps(run: Path) -> int:
    """Steps of the optimiser that a run has logged."""
    file = run / "metrics.csv"
    if not file.exists():
        return 0
    return len([row for row in read_metrics(file) if row[1] == "train/loss"])


def of_first_job(run: Path) -> bool:
    """Whether a run folder is that of the first rate."""
    file = run / "config.yaml"
    return file.exists() and "lr: 0.0001\n" in file.read_text()


def same(left: Any, right: Any) -> bool:
    """Whether two nested states are equal to the bit."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool((left == right).all())


def test_four_jobs_of_which_one_fails_and_one_is_preempted(laptop, plane) -> None:
    corpus = plane.world.volumes["vo-brainbrr-corpora"] / "synthetic"
    (corpus / "sub-01").rmdir()
    assert laptop.run("synthesize", f"output={corpus}", *CORPUS)[0] == 0
    began = time.monotonic()
    command = laptop.real("train", *TINY, f"optimizer.lr={','.join(RATES)}")
    client = laptop.start(*command)
    runs = plane.world.base / "mnt" / "results" / "runs" / "sweeps"

    def mid_epoch() -> Any:
        """The container of the first job, once it has taken some steps but not all."""
        first = next(iter(plane.world.inputs.values()), None)
        steps = [begun_steps(run) for run in runs.glob("*") if of_first_job(run)]
        return first and any(2 <= n < 9 for n in steps) and plane.holder(first)

    plane.preempt(plane.wait_until(mid_epoch, 250))
    said, _ = client.communicate(timeout=900)
    print(said)
    print(f"wall time of the sweep: {time.monotonic() - began:.0f} s")
    assert client.returncode == 2, said + plane.logs()
    assert "expected 4 finished jobs; got 3 (job 3 failed)" in said
    assert plane.count("FunctionMap") == 4
    assert sum(each.deliveries for each in plane.world.inputs.values()) == 5
    assert len(laptop.files("scores.json")) == 3
    last_words = laptop.files("log.txt")[3].read_text()
    print(last_words[-600:])
    assert "Error" in last_words or "expected" in last_words
    outcomes = [json.loads(path.read_text()) for path in laptop.files("outcome.json")]
    assert [each["state"] for each in outcomes] == ["finished"] * 3 + ["failed"]

    began = time.monotonic()
    code, said = laptop.run(*command)
    print(said)
    print(f"wall time of the second launch: {time.monotonic() - began:.0f} s")
    assert code == 2 and plane.count("FunctionMap") == 4, "something was sent again"
    assert len(laptop.files("scores.json")) == 6

    undisturbed = laptop.folder / "undisturbed"
    code, said = laptop.run(
        "train", *TINY, "optimizer.lr=0.0001", f"data.root={corpus}", f"run_dir={undisturbed}"
    )
    assert code == 0, said
    mine = next(run for run in runs.glob("*") if of_first_job(run))
    ours, theirs = (
        read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]
        for run in (mine, undisturbed)
    )
    assert same(ours, theirs), "the preempted run ended with other weights"
    released = [load_file(run / "detector" / "model.safetensors") for run in (mine, undisturbed)]
    assert same(*released)
    print(f"{len(ours)} tensors of the preempted run are equal to the bit to an undisturbed one's")
