"""A search's study on disk: one journal file that the search and all its runs share."""

from pathlib import Path
from typing import Any

from brainbrr.errors import BrainbrrError

PRUNERS = {
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
}
SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler", "qmc": "QMCSampler"}


class OptunaMissing(BrainbrrError):
    """A search was asked for where Optuna is not installed."""


class UnknownSearchPart(BrainbrrError):
    """A sampler or pruner that does not exist, or does not take these values."""


def optuna() -> Any:
    """The Optuna package, quiet but for its warnings.

    Raises:
        OptunaMissing: it is not installed.
    """
    try:
        import optuna as package
    except ImportError as error:
        raise OptunaMissing(
            "the package optuna, for hparams_search=optuna",
            f"none ({error})",
            'Install it: pip install "brainbrr[optuna]"',
        ) from error
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def journal_storage(path: Path) -> Any:
    """Optuna's storage in a journal: one JSON line for each change, appended and fsynced, so that
    several processes may share it and a killed one loses no more than its last line."""
    journal = optuna().storages.journal
    path.parent.mkdir(parents=True, exist_ok=True)
    return optuna().storages.JournalStorage(journal.JournalFileBackend(str(path)))


def drop_torn_line(path: Path) -> bool:
    """Cut off a last line that a killed process left half written; whether there was one.

    Only where nobody else writes: before a search starts its runs.
    """
    if not path.exists():
        return False
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole == len(content):
        return False
    with path.open("r+b") as file:
        file.truncate(whole)
    return True


def make_pruner(spec: dict[str, Any] | None) -> Any:
    """Optuna's pruner from `{name, ...its own values}`; None prunes nothing.

    Raises:
        UnknownSearchPart: no such pruner, or not with these values.
    """
    if spec is None:
        return optuna().pruners.NopPruner()
    return _made(optuna().pruners, PRUNERS, spec, "pruner")


def make_sampler(spec: dict[str, Any], seed: int) -> Any:
    """Optuna's sampler from `{name, ...its own values}`.

    Raises:
        UnknownSearchPart: no such sampler, or not with these values.
    """
    return _made(optuna().samplers, SAMPLERS, spec | {"seed": seed}, "sampler")


def _made(home: Any, known: dict[str, str], spec: dict[str, Any], what: str) -> Any:
    name, values = spec.get("name"), {key: spec[key] for key in spec if key != "name"}
    if name not in known:
        raise UnknownSearchPart(
            f"a {what} of {', '.join(known)}", str(name), f"Correct hydra.sweeper.{what}.name."
        )
    try:
        return getattr(home, known[name])(**values)
    except (TypeError, ValueError) as error:
        raise UnknownSearchPart(
            f"values that the {what} {name} takes", str(error), f"Correct hydra.sweeper.{what}."
        ) from error
