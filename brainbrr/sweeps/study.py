"""A search's study on disk: one journal file that the search and all its runs share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.training.callbacks.pruning import Pruning

PRUNERS = {
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
}
SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler", "qmc": "QMCSampler"}


def optuna() -> Any:
    """Import Optuna, with warnings as its only log messages.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        import optuna as package
    except ImportError as error:
        raise Unavailable(
            f"hparams_search=optuna needs the package optuna ({error})",
            'Install it: pip install "brainbrr[optuna]"',
        ) from error
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def journal_storage(path: Path) -> Any:
    """Open Optuna's storage in a journal file.

    Each change is one JSON line, appended and fsynced: several processes may share the file, and a
    killed one loses at most its last line.
    """
    journal = optuna().storages.journal
    path.parent.mkdir(parents=True, exist_ok=True)
    return optuna().storages.JournalStorage(journal.JournalFileBackend(str(path)))


def drop_torn_line(path: Path) -> bool:
    """Cut off a last line that a killed process left incomplete; return whether there was one.

    Only safe while no other process writes: before a search starts its runs.
    """
    if not path.exists():
        return False
    content = path.read_bytes()
    n_complete = content.rfind(b"\n") + 1
    if n_complete == len(content):
        return False
    with path.open("r+b") as file:
        file.truncate(n_complete)
    return True


def make_pruner(spec: dict[str, Any] | None) -> Any:
    """Make Optuna's pruner from `{name, ...its arguments}`; None prunes nothing.

    Raises:
        InvalidOption: no such pruner, or not with these values.
    """
    if spec is None:
        return optuna().pruners.NopPruner()
    return _make(optuna().pruners, PRUNERS, spec, "pruner")


def make_sampler(spec: dict[str, Any], seed: int) -> Any:
    """Make Optuna's sampler from `{name, ...its arguments}`.

    Raises:
        InvalidOption: no such sampler, or not with these values.
    """
    return _make(optuna().samplers, SAMPLERS, spec | {"seed": seed}, "sampler")


def _make(module: Any, classes: dict[str, str], spec: dict[str, Any], what: str) -> Any:
    name, values = spec.get("name"), {key: spec[key] for key in spec if key != "name"}
    if name not in classes:
        raise InvalidOption(
            f"a {what} of {', '.join(classes)}", str(name), f"Correct hydra.sweeper.{what}.name."
        )
    try:
        return getattr(module, classes[name])(**values)
    except (TypeError, ValueError) as error:
        raise InvalidOption(
            f"values that the {what} {name} takes", str(error), f"Correct hydra.sweeper.{what}."
        ) from error


@dataclass(frozen=True)
class RunningTrial:
    """A run's own trial, seen from the run's process.

    Attributes:
        journal: the study's file, which this process must reach.
        study: its name.
        number: of the trial.
        pruner: `{name, ...}`, as for the search itself; None only reports.
    """

    journal: Path
    study: str
    number: int
    pruner: dict[str, Any] | None

    def is_hopeless(self, value: float, epoch: int) -> bool:
        """Report a validation; return whether the pruner gives the run up."""
        storage = journal_storage(self.journal)
        study = optuna().load_study(
            study_name=self.study, storage=storage, pruner=make_pruner(self.pruner)
        )
        stored = next(trial for trial in study.get_trials() if trial.number == self.number)
        trial = optuna().trial.Trial(study, stored._trial_id)
        # A resumed run repeats epochs that it has already reported, which Optuna refuses.
        if epoch not in stored.intermediate_values:
            trial.report(value, epoch)
        return bool(trial.should_prune())


def pruning_callback(
    journal: str | Path,
    study: str,
    trial: int,
    monitor: str,
    pruner: dict[str, Any] | None = None,
) -> Pruning:
    """Make the callback that ties a run to its trial; the arguments are those of `RunningTrial`."""
    return Pruning(RunningTrial(Path(journal), study, trial, pruner).is_hopeless, monitor)
