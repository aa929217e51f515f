"""End a run whose monitored metric no longer rises."""

import logging
import math
from typing import Any

from lightning import Callback

from brainbrr.errors import InvalidOption

log = logging.getLogger(__name__)


class EarlyStopping(Callback):
    """Stops after `patience` validations in a row without a new highest value.

    An undefined value (NaN) counts as no new highest value.

    Args:
        monitor: the metric to follow; higher is better.
        patience: validations without improvement that end the run.
        min_delta: smaller rises are no improvement.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise InvalidOption(
                "patience of 1 or more", f"{patience}", "Correct callbacks.early_stopping.patience."
            )
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.best: float | None = None
        self.waited = 0
        self._seen_step = -1.0

    def state_dict(self) -> dict[str, Any]:
        """Return the highest value and the number of validations since."""
        return {"best": self.best, "waited": self.waited, "seen_step": self._seen_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both."""
        self.best, self.waited = state_dict["best"], state_dict["waited"]
        self._seen_step = state_dict["seen_step"]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Stop a resumed run whose patience was already used up."""
        trainer.should_stop = trainer.should_stop or self.waited >= self.patience

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Count the validation of this epoch, if there was one."""
        step = trainer.callback_metrics.get("val/step")
        if step is None or float(step) == self._seen_step:
            return
        self._seen_step = float(step)
        # A name that does not exist is refused by the checkpoints, which follow the same metric.
        value = float(trainer.callback_metrics.get(self.monitor, math.nan))
        if not math.isnan(value) and (self.best is None or value > self.best + self.min_delta):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            log.info("%s has not risen for %d validations: stop", self.monitor, self.waited)
            trainer.should_stop = True
