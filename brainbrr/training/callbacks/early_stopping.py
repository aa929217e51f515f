"""Ends a run whose monitored metric no longer rises."""

import logging
from typing import Any

from lightning import Callback

from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)


class InvalidPatience(BrainbrrError):
    """A patience that stops before it starts."""


class EarlyStopping(Callback):
    """Stops after `patience` validations in a row without a new highest value.

    Args:
        monitor: the metric to follow; higher is better.
        patience: validations without improvement that end the run.
        min_delta: a rise up to this much is none.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise InvalidPatience(
                "patience of 1 or more", f"{patience}", "Correct callbacks.early_stopping.patience."
            )
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.best: float | None = None
        self.waited = 0
        self._seen_step = -1.0

    def state_dict(self) -> dict[str, Any]:
        """The highest value and the validations since."""
        return {"best": self.best, "waited": self.waited, "seen_step": self._seen_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.best, self.waited = state_dict["best"], state_dict["waited"]
        self._seen_step = state_dict["seen_step"]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """A run that had waited long enough does not start again."""
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Count this epoch's validation, where there was one."""
        step = trainer.callback_metrics.get("val/step")
        if step is None or float(step) == self._seen_step:
            return
        self._seen_step = float(step)
        # A name that does not exist is refused by the checkpoints, which follow the same metric.
        value = float(trainer.callback_metrics.get(self.monitor, float("nan")))
        if self.best is None or value > self.best + self.min_delta:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            log.info("%s has not risen for %d validations: stop", self.monitor, self.waited)
            trainer.should_stop = True
