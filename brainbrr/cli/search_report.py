"""What a search found, on the terminal."""

from pathlib import Path
from typing import Any

from rich.table import Table

from brainbrr.cli.terminal import results_console
from brainbrr.training.study import optuna


def tell_search(study: Any, folder: Path, monitor: str) -> None:
    """How the trials ended, the best one's options, and where to look."""
    states = optuna().trial.TrialState
    trials = study.get_trials(deepcopy=False)
    counts = ", ".join(
        f"{sum(trial.state == state for trial in trials)} {word}"
        for state, word in (
            (states.COMPLETE, "finished"),
            (states.PRUNED, "pruned"),
            (states.FAIL, "failed"),
        )
    )
    console = results_console()
    console.print(f"{len(trials)} trials: {counts}")
    if any(trial.state == states.COMPLETE for trial in trials):
        best = study.best_trial
        table = Table("option", "value", title=f"trial {best.number}: {monitor} {best.value:.4g}")
        for name, value in best.params.items():
            table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
        console.print(table)
    console.print(f"all of them: brainbrr sweep-table {folder}", soft_wrap=True)
