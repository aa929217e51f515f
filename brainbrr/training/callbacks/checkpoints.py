"""Save a run so that it can be resumed from any step: the newest two checkpoints, and the best."""

import logging
import math
import time
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import CheckpointIO

from brainbrr.errors import InvalidOption
from brainbrr.training.callbacks.checkpoint_file import (
    BEST,
    LAST,
    read_checkpoint,
    write_checkpoint,
)

log = logging.getLogger(__name__)


class DurableCheckpointIO(CheckpointIO):
    """Lightning's checkpoints as `checkpoint_file` writes them: fsynced, verified, without pickled
    code."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint atomically."""
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read an intact checkpoint; never runs code, whatever `weights_only` says."""
        return read_checkpoint(Path(path), map_location or "cpu")

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


class DurableCheckpoints(Checkpoint):
    """Saves by time within an epoch and after each epoch's validation; remembers the best.

    A checkpoint is only taken right after an optimizer step, when no partly accumulated gradient
    would be lost.

    An undefined metric (NaN) counts as worse than any value: it is never the best, and if no
    validation had a defined one the run has no `best.ckpt` and its last weights count.

    Args:
        folder: where `last.ckpt`, `previous.ckpt` and `best.ckpt` go.
        monitor: the metric whose highest value is the best; None if nothing is validated.
        every_minutes: maximum time between two checkpoints within an epoch; 0 saves after every
            step.
        configuration: the resolved configuration as plain values, stored in every checkpoint.

    Raises:
        InvalidOption: a negative time.
    """

    def __init__(
        self,
        folder: str | Path,
        monitor: str | None,
        every_minutes: float = 15.0,
        configuration: dict[str, Any] | None = None,
    ) -> None:
        if every_minutes < 0:
            raise InvalidOption(
                "every_minutes of 0 or more",
                f"{every_minutes}",
                "Correct callbacks.checkpoints.every_minutes.",
            )
        self.folder, self.monitor = Path(folder), monitor
        self.configuration = configuration or {}
        self.best_metric: float | None = None
        self.best_step: int | None = None
        self._every_s = 60 * every_minutes
        self._saved_at_s = time.monotonic()
        self._step = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best metric so far and its step."""
        return {"best_metric": self.best_metric, "best_step": self.best_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both."""
        self.best_metric, self.best_step = state_dict["best_metric"], state_dict["best_step"]

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Store the configuration next to the weights."""
        checkpoint["configuration"] = self.configuration

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the timer."""
        self._saved_at_s, self._step = time.monotonic(), trainer.global_step

    def on_train_batch_end(self, trainer: Any, *_: object) -> None:
        """Save when it is due; the end of an epoch is saved after its validation."""
        stepped = trainer.global_step != self._step
        self._step = trainer.global_step
        if not stepped or trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            return
        due = time.monotonic() - self._saved_at_s >= self._every_s
        if trainer.strategy.reduce_boolean_decision(due, all=False):
            self.save_last(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Save the best, if this epoch is, and then the last, which records the best metric."""
        metrics = trainer.callback_metrics
        validated = float(metrics.get("val/step", -1.0)) == trainer.global_step
        if self.monitor is not None and validated:
            if self.monitor not in metrics:
                raise InvalidOption(
                    f"one of {', '.join(sorted(metrics))}",
                    f"monitor {self.monitor}",
                    "Correct monitor.",
                )
            metric = float(metrics[self.monitor])
            if math.isnan(metric):
                log.warning(
                    "%s is undefined at step %d: counted as worse than any value",
                    self.monitor, trainer.global_step,
                )  # fmt: skip
            elif self.best_metric is None or metric > self.best_metric:
                self.best_metric, self.best_step = metric, trainer.global_step
                trainer.save_checkpoint(self.folder / BEST, weights_only=False)
        self.save_last(trainer)

    def save_last(self, trainer: Any) -> None:
        """Save now, after flushing the loggers: a resumed run does not log these steps again."""
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.folder / LAST, weights_only=False)
        self._saved_at_s = time.monotonic()
