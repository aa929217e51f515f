"""A training run as its own process, so that a test can kill it: killed_run.py FOLDER JSON_OPTIONS.

Prints the SHA-256 of the final weights, optimiser and callback states, but for the paths in them.
"""

import hashlib
import json
import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from brainbrr.data.windows.augmentation import ChannelDropout, Gain, Sequential, TimeShift
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.early_stopping import EarlyStopping
from brainbrr.training.callbacks.ema import Ema, released_weights
from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.callbacks.metrics_file import MetricsFile, read_metrics
from brainbrr.training.callbacks.monitoring import LossSpikeMonitor, Monitoring
from brainbrr.training.callbacks.preemption import Preemption
from brainbrr.training.callbacks.progress import ProgressLine
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny


class DieAt(Callback):
    """The run, with all its processes, receives a signal; SIGKILL ends it on the spot."""

    def __init__(self, batch: int, hook: str, number: int = signal.SIGKILL) -> None:
        self.batch, self.hook, self.number, self.seen = batch, hook, number, 0

    def _count(self, hook: str) -> None:
        if hook == self.hook:
            self.seen += 1
            if self.seen == self.batch:
                os.killpg(0, self.number)

    def on_train_batch_start(self, *_: Any) -> None:
        self._count("batch_start")

    def on_before_optimizer_step(self, *_: Any) -> None:
        self._count("before_step")

    def on_train_batch_end(self, *_: Any) -> None:
        self._count("batch_end")

    def on_train_epoch_end(self, *_: Any) -> None:
        self._count("epoch_end")


def digest(content: Any) -> str:
    """Of every tensor and number in a nested state, in order."""
    found = hashlib.sha256()

    def visit(part: Any, name: str) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                visit(value, f"{name}/{key}")
        elif isinstance(part, list | tuple):
            for number, value in enumerate(part):
                visit(value, f"{name}/{number}")
        elif isinstance(part, torch.Tensor):
            found.update(name.encode() + part.detach().cpu().contiguous().numpy().tobytes())
        else:
            found.update(f"{name}={part}".encode())

    visit(content, "")
    return found.hexdigest()


def drawn(folder: Path) -> list[tuple[str, list[tuple[int, float]]]]:
    """The curves that TensorBoard draws, but for the clock's."""
    events = EventAccumulator(str(folder)).Reload()
    kept = [tag for tag in events.Tags()["scalars"] if tag.startswith(("train/loss", "val/"))]
    return [
        (tag, [(each.step, each.value) for each in events.Scalars(tag)]) for tag in sorted(kept)
    ]


def main(folder: Path, options: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    rows = tiny.corpus(folder / "cache") if not (folder / "cache").exists() else tiny.rows()
    run_dir = folder / options["run"]
    kill = options.get("kill")
    monitor = "val/average_precision"
    callbacks = tiny.callback_set(
        run_dir,
        monitor,
        options.get("every_minutes", 0.0),
        early_stopping=EarlyStopping(monitor, patience=2, min_delta=1.0),
        finite_guard=FiniteGuard(run_dir / "guard"),
        loss_spike_monitor=LossSpikeMonitor(memory=3),
        ema=Ema(decay=0.9),
        preemption=Preemption(),
        progress=ProgressLine(),
        monitoring=Monitoring(),
        extra=[DieAt(*kill)] if kill else [],
    )
    result = tiny.run(
        run_dir,
        rows,
        folder / "cache",
        resume=options.get("resume", False),
        callbacks=callbacks,
        loggers=[
            MetricsFile(run_dir / "metrics.csv"),
            TensorBoardLogger(run_dir, name="", version="tensorboard"),
        ],
        dataloader=LoaderOptions(batch_size=4, num_workers=options.get("workers", 0)),
        augmentation=Sequential([Gain(3.0), ChannelDropout(0.2), TimeShift(1.0, tiny.RATE_HZ)]),
        trainer=TrainerOptions(
            max_epochs=4,
            accelerator="cpu",
            devices=options.get("devices", 1),
            strategy=options.get("strategy", "auto"),
            accumulate_grad_batches=2,
            log_every_n_steps=1,
        ),
    )
    if int(os.environ.get("LOCAL_RANK", "0")) == 0:
        last = read_checkpoint(result.last_checkpoint)
        states = ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "loops")
        rows = read_metrics(run_dir / "metrics.csv")
        facts = {name: digest(last[name]) for name in states}
        facts["losses"] = digest([row for row in rows if row[1] == "train/loss"])
        facts["logged"] = digest(sorted(row[:2] for row in rows))
        facts["drawn"] = digest(drawn(run_dir / "tensorboard"))
        facts["best"] = digest(released_weights(result.best_checkpoint))
        print(json.dumps(facts | {"epochs": len(result.history)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
