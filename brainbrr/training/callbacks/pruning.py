"""Ends a run early if its search gives it up after a validation."""

from collections.abc import Callable
from typing import Any

from lightning import Callback

from brainbrr.errors import BrainbrrError


class RunPruned(BrainbrrError):
    """A run that its search gave up after a validation."""


class Pruning(Callback):
    """Reports each validation and ends the run if the answer is to prune it.

    Args:
        is_hopeless: takes the metric's value and the epoch; whether to end the run.
        monitor: the metric to report; higher is better.
    """

    def __init__(self, is_hopeless: Callable[[float, int], bool], monitor: str) -> None:
        self.is_hopeless, self.monitor = is_hopeless, monitor
        self._seen_step = -1.0

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Report a validation, and end the run if the search gives it up.

        Raises:
            RunPruned: in every process of the run.
        """
        step = float(trainer.callback_metrics.get("val/step", -1.0))
        if step == self._seen_step or self.monitor not in trainer.callback_metrics:
            return
        self._seen_step = step
        value, epoch = float(trainer.callback_metrics[self.monitor]), trainer.current_epoch + 1
        # Rank 0 alone reports; the others must leave the loop at the same step as it does.
        hopeless = trainer.is_global_zero and self.is_hopeless(value, epoch)
        if trainer.strategy.reduce_boolean_decision(hopeless, all=False):
            raise RunPruned(
                f"{self.monitor} in keeping with the search's other runs",
                f"{value:.4g} after epoch {epoch}",
                "The search continues without this run.",
            )
