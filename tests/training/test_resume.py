"""A run that was killed and continued ends with the bits of the run that was not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning import Callback

from brainbrr.data.windows.augmentation import ChannelDropout, Gain, Sequential
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.ema import Ema
from brainbrr.training.callbacks.preemption import EXIT_INTERRUPTED, EXIT_PREEMPTED
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny

PROGRAM = Path(__file__).with_name("killed_run.py")
ROOT = PROGRAM.parents[2]


class Stop(Exception):
    """The run ends here, as if the process had."""


class StopAt(Callback):
    def __init__(self, batch):
        self.batch, self.seen = batch, 0

    def on_train_batch_start(self, *_):
        self.seen += 1
        if self.seen == self.batch:
            raise Stop


@pytest.mark.parametrize("batch", [2, 6, 8, 9, 14])
def test_a_run_stopped_in_mid_epoch_ends_with_the_same_bits(tmp_path, rows, cache, batch):
    def run(name, resume=False, **others):
        torch.manual_seed(0)
        network = tiny.TinyNetwork()
        callbacks = tiny.callback_set(
            tmp_path / name, "val/average_precision", ema=Ema(0.9), **others
        )
        return tiny.run(
            tmp_path / name,
            rows,
            cache,
            network=network,
            callbacks=callbacks,
            resume=resume,
            dataloader=LoaderOptions(batch_size=4),
            augmentation=Sequential([Gain(3.0), ChannelDropout(0.2)]),
            trainer=TrainerOptions(
                max_epochs=2, accelerator="cpu", limit_train_batches=7, accumulate_grad_batches=2
            ),
        )

    whole = run("whole")
    with pytest.raises(Stop):
        run("stopped", extra=[StopAt(batch)])
    if batch <= 2:
        # Nothing was saved yet: a first step takes two batches.
        assert not (tmp_path / "stopped" / "checkpoints").exists()
        return
    resumed = run("stopped", resume=True)
    assert resumed.history == whole.history and resumed.best_metric == whole.best_metric
    one, other = (read_checkpoint(result.last_checkpoint) for result in (whole, resumed))
    for name in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks"):
        assert flat(one[name]) == flat(other[name]), name


def flat(state):
    if isinstance(state, dict):
        return {str(key): flat(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [flat(value) for value in state]
    return state.tolist() if isinstance(state, torch.Tensor) else state


class Runs:
    """Runs of the program in one folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, **options):
        """The exit code, and what the program said of its end."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, PROGRAM, self.folder, json.dumps(options)],
            env=environment,
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=240,
            check=False,
        )
        said = done.stdout.strip().splitlines()
        assert said or done.returncode, done.stderr
        return done.returncode, json.loads(said[-1]) if done.returncode == 0 else None


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def whole(runs):
    code, said = runs(run="whole")
    assert code == 0 and said["epochs"] == 3
    return said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "hook"),
    [(3, "batch_start"), (10, "batch_end"), (11, "before_step"), (2, "epoch_end")],
)
def test_kill_9_and_resume_give_the_same_bits(runs, whole, batch, hook):
    name = f"killed-{batch}-{hook}"
    assert runs(run=name, kill=[batch, hook])[0] == -signal.SIGKILL
    assert runs(run=name, resume=True) == (0, whole)


@pytest.mark.slow
def test_with_workers_that_read_ahead_it_is_the_same(runs, whole):
    assert runs(run="workers", workers=2, kill=[9, "batch_end"])[0] == -signal.SIGKILL
    assert runs(run="workers", workers=2, resume=True) == (0, whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, EXIT_PREEMPTED),
        (signal.SIGUSR1, EXIT_PREEMPTED),
        (signal.SIGINT, EXIT_INTERRUPTED),
    ],
)
def test_a_run_asked_to_go_saves_itself_and_says_so_by_its_code(runs, whole, number, code):
    name = f"asked-{number}"
    # An hour between checkpoints: what is resumed from was saved because of the signal.
    options = {"run": name, "every_minutes": 60}
    assert runs(**options, kill=[9, "batch_start", number])[0] == code
    checkpoint = read_checkpoint(runs.folder / name / "checkpoints" / "last.ckpt")
    assert checkpoint["global_step"] == 5
    assert runs(**options, resume=True) == (0, whole)


@pytest.mark.slow
def test_two_processes_share_the_work_and_resume_alike(runs):
    both = {"devices": 2, "strategy": "ddp"}
    code, together = runs(run="together", **both)
    assert code == 0
    assert runs(run="killed-together", kill=[9, "batch_end"], **both)[0] == -signal.SIGKILL
    assert runs(run="killed-together", resume=True, **both) == (0, together)
