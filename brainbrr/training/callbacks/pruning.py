"""Ends a run early whose course is worse than that of the other runs of its search."""

from pathlib import Path
from typing import Any

from lightning import Callback

from brainbrr.errors import BrainbrrError
from brainbrr.training.study import journal_storage, make_pruner, optuna


class RunPruned(BrainbrrError):
    """A run that its search gave up after a validation."""


class Pruning(Callback):
    """Reports each validation to the search's study and asks it whether to go on.

    Args:
        journal: the study's file, which this process must reach.
        study: its name.
        trial: number of this run in it.
        pruner: `{name, ...}`, as for the search itself; None only reports.
        monitor: the metric to report; higher is better.
    """

    def __init__(
        self,
        journal: str | Path,
        study: str,
        trial: int,
        monitor: str,
        pruner: dict[str, Any] | None = None,
    ) -> None:
        self.journal, self.study, self.number = Path(journal), study, trial
        self.monitor, self.pruner = monitor, pruner
        self._seen_step = -1.0

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """After a validation: report, and end the run where the pruner says so.

        Raises:
            RunPruned: in every process of the run.
        """
        step = float(trainer.callback_metrics.get("val/step", -1.0))
        if step == self._seen_step or self.monitor not in trainer.callback_metrics:
            return
        self._seen_step = step
        value, epoch = float(trainer.callback_metrics[self.monitor]), trainer.current_epoch + 1
        hopeless = trainer.is_global_zero and self._hopeless(value, epoch)
        if trainer.strategy.reduce_boolean_decision(hopeless, all=False):
            raise RunPruned(
                f"{self.monitor} in keeping with the search's other runs",
                f"{value:.4g} after epoch {epoch}",
                "The search goes on without this run.",
            )

    def _hopeless(self, value: float, epoch: int) -> bool:
        storage = journal_storage(self.journal)
        study = optuna().load_study(
            study_name=self.study, storage=storage, pruner=make_pruner(self.pruner)
        )
        known = next(trial for trial in study.get_trials() if trial.number == self.number)
        trial = optuna().trial.Trial(study, known._trial_id)
        # A run that was resumed meets epochs again that it has already reported.
        if epoch not in known.intermediate_values:
            trial.report(value, epoch)
        return bool(trial.should_prune())
