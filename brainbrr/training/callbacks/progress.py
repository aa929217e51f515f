"""Show the progress of a run on the terminal, and the fraction of time spent waiting for data."""

import logging
import time
from typing import Any

import torch
from lightning import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from brainbrr.data.windows.dataset import WindowBatch

log = logging.getLogger(__name__)


class ProgressLine(Callback):
    """Shows a bar on a terminal, and a log line at intervals otherwise.

    Shows the smoothed loss, windows per second, the fraction of time spent waiting for data, and
    the time left.

    Args:
        every_s: seconds between two log lines; on a terminal the bar moves four times a second.
    """

    def __init__(self, every_s: float = 30.0) -> None:
        self.every_s = every_s
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._loss: Tensor | None = None
        self._task: Any = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the timer and, on a terminal, the bar."""
        self._began_s = self._ended_s = self._shown_s = time.monotonic()
        self._windows, self._batches = 0, 0
        self._waited_s = trainer.train_dataloader.waited_s
        self._total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
        self._done = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        if trainer.is_global_zero and self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}"), TimeRemainingColumn(), console=self._console,
            )  # fmt: skip
            self._task = self._bar.add_task("train", total=self._total, facts="")
            self._bar.start()

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: WindowBatch,
        batch_idx: int,
    ) -> None:
        """Advance; the loss is only read from the device when it is shown."""
        self._ended_s = time.monotonic()
        self._windows += len(batch.eeg) * trainer.world_size
        self._batches += 1
        loss = outputs["loss"].detach() * trainer.accumulate_grad_batches
        self._loss = loss if self._loss is None else torch.lerp(self._loss, loss, 0.05)
        pause_s = 0.25 if self._bar is not None else self.every_s
        if self._ended_s - self._shown_s >= pause_s and trainer.is_global_zero:
            self._shown_s = self._ended_s
            self._show(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Show the final state."""
        if self._batches and trainer.is_global_zero:
            self._show(trainer)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Restore the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, trainer: Any) -> None:
        elapsed_s = max(self._ended_s - self._began_s, 1e-9)
        waited_s = trainer.train_dataloader.waited_s - self._waited_s
        facts = (
            f"loss {float(self._loss if self._loss is not None else 0.0):.4f}  "
            f"{self._windows / elapsed_s:.1f} windows/s  "
            f"waits for data {100 * waited_s / elapsed_s:.0f} %"
        )
        done = self._done + self._batches
        number = min(trainer.current_epoch + 1, trainer.max_epochs)
        epoch = f"epoch {number}/{trainer.max_epochs}"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, facts=facts, description=epoch)
            return
        left_min = (self._total - done) * elapsed_s / self._batches / 60
        log.info("%s  %d/%d  %s  %.0f min left", epoch, done, self._total, facts, left_min)
