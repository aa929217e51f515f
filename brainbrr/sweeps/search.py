"""A search for good options: ask Optuna for a run's values, launch it, report its score."""

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Group, RenderableType
from rich.table import Table

from brainbrr.errors import Failed, InUse, InvalidOption
from brainbrr.file_lock import lock
from brainbrr.sweeps.outcome import State, read_outcome
from brainbrr.sweeps.study import (
    drop_torn_line,
    journal_storage,
    make_pruner,
    make_sampler,
    optuna,
)
from brainbrr.training.callbacks.pruning import RunPruned

log = logging.getLogger(__name__)

JOURNAL, LOCK = "study.journal", "study.lock"
IDENTITY = "identity"

Result = float | BaseException | None
"""Of a run: its score, what it raised, or None if it ended without a score."""


@dataclass(frozen=True)
class SearchOptions:
    """How to search; described in `conf/hydra/sweeper/search.yaml`."""

    study: str
    n_trials: int
    n_jobs: int
    max_failures: int
    seed: int
    sampler: dict[str, Any]
    pruner: dict[str, Any] | None
    params: dict[str, Any]


@dataclass(frozen=True)
class SearchSpace:
    """What varies and what does not.

    Attributes:
        distributions: Optuna's, by option.
        fixed: overrides that every run gets.
        description: the space as text, by option, to compare with that of a study on disk.
    """

    distributions: Mapping[str, Any]
    fixed: tuple[str, ...]
    description: Mapping[str, str]

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return one run's overrides."""
        return [*self.fixed, *(f"{key}={values[key]}" for key in self.distributions)]


class Search:
    """A study on disk, and how its runs are launched.

    Trial N is run N of the sweep's folder. A search that was killed resumes with the same command:
    runs in progress are launched again under their numbers and resume from their checkpoints.

    Args:
        config: the command's, with Hydra's node.
        launch: takes the overrides of several runs and the number of the first; returns a result
            per run.

    Raises:
        InvalidOption: runs are to be pruned on machines that do not see the study's file.
    """

    def __init__(
        self,
        options: SearchOptions,
        space: SearchSpace,
        config: DictConfig,
        launch: Callable[[list[list[str]], int], Sequence[Result]],
    ) -> None:
        self.options, self.space, self.config, self.launch = options, space, config, launch
        self.monitor = str(config.monitor)
        self.folder = Path(config.hydra.sweep.dir).resolve()
        if options.pruner is not None and "modal" in str(config.hydra.launcher._target_):
            raise InvalidOption(
                "runs on machines that share the study's file, if runs are pruned",
                "hydra/launcher=modal",
                "Add hydra.sweeper.pruner=null: every run then trains to its end.",
            )

    def run(self) -> Any:
        """Search until the study has its number of trials; return the study, or None of a dry run.

        Raises:
            InUse: another process searches here, or the study on disk searched another space.
            Failed: too many runs in a row failed.
        """
        if self.config.get("dry_run"):
            self._dry_run()
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        with lock(self.folder / LOCK, self.options.study, wait=False) as claimed:
            if claimed == "busy":
                raise InUse(
                    f"another process runs the search in {self.folder}",
                    "Wait for its end, or name another: hydra.sweeper.study=NAME.",
                )
            journal = self.folder / JOURNAL
            if drop_torn_line(journal):
                log.warning("%s ended in an incomplete line, which was dropped", journal)
            study = self._study(journal)
            OmegaConf.save(self.config, self.folder / "multirun.yaml")
            n_failed = 0
            for batch in self._batches(study):
                for succeeded in self._launched(study, batch):
                    n_failed = 0 if succeeded else n_failed + 1
                if n_failed >= self.options.max_failures:
                    raise Failed(
                        f"{n_failed} runs failed in a row",
                        f"Their folders under {self.folder} hold the reasons.",
                    )
        return study

    def _dry_run(self) -> None:
        """Launch the next runs, which sends nothing; their trials are of a copy of the study."""
        with tempfile.TemporaryDirectory() as folder:
            journal = Path(folder) / JOURNAL
            if (self.folder / JOURNAL).exists():
                shutil.copyfile(self.folder / JOURNAL, journal)
                drop_torn_line(journal)
            study = self._study(journal)
            for batch in islice(self._batches(study), 1):
                overrides = [self._overrides(trial.number, trial.params) for trial in batch]
                self.launch(overrides, batch[0].number)

    def summary(self, study: Any) -> RenderableType:
        """Show how the trials ended, the best one's options, and where to look further."""
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
        parts: list[RenderableType] = [f"{len(trials)} trials: {counts}"]
        if any(trial.state == states.COMPLETE for trial in trials):
            best = study.best_trial
            title = f"trial {best.number}: {self.monitor} {best.value:.4g}"
            table = Table("option", "value", title=title)
            for name, value in best.params.items():
                table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
            parts.append(table)
        parts.append(f"all of them: brainbrr sweep-table {self.folder}")
        return Group(*parts)

    def _study(self, journal: Path) -> Any:
        n_lines = len(journal.read_bytes().splitlines()) if journal.exists() else 0
        study = optuna().create_study(
            study_name=self.options.study,
            storage=journal_storage(journal),
            # A sampler that starts again from the same seed would propose its first trials again.
            sampler=make_sampler(self.options.sampler, self.options.seed + n_lines),
            pruner=make_pruner(self.options.pruner),
            direction="maximize",
            load_if_exists=True,
        )
        identity = {
            "space": dict(self.space.description),
            "fixed": sorted(self.space.fixed),
            "monitor": self.monitor,
        }
        recorded = study.user_attrs.get(IDENTITY)
        if recorded is not None and json.loads(recorded) != identity:
            stored = json.loads(recorded)
            different = [key for key in identity if stored.get(key) != identity[key]]
            raise InUse(
                f"the study in {self.folder} to search the same",
                f"another {' and '.join(different)}",
                "Name another: hydra.sweeper.study=NAME.",
            )
        study.set_user_attr(IDENTITY, json.dumps(identity))
        return study

    def _batches(self, study: Any) -> Iterator[list[Any]]:
        """Yield trials to launch together: first those that a killed process left in progress."""
        states = optuna().trial.TrialState
        for trial in study.get_trials(states=(states.RUNNING,)):
            # The run may have ended before the killed process could report it to the study.
            outcome = read_outcome(self.folder / str(trial.number))
            if outcome.state in {State.PRUNED, State.FAILED}:
                pruned = outcome.state is State.PRUNED
                study.tell(trial.number, state=states.PRUNED if pruned else states.FAIL)
                continue
            log.info("trial %d was in progress: it resumes", trial.number)
            # One per batch: launchers number the runs of a batch consecutively.
            yield [trial]
        while (n_left := self.options.n_trials - len(study.get_trials(deepcopy=False))) > 0:
            n_asked = min(n_left, self.options.n_jobs)
            yield [study.ask(dict(self.space.distributions)) for _ in range(n_asked)]

    def _launched(self, study: Any, trials: Sequence[Any]) -> Iterator[bool]:
        """Launch trials and report them to the study; yield for each whether it succeeded."""
        overrides = [self._overrides(trial.number, trial.params) for trial in trials]
        results = self.launch(overrides, trials[0].number)
        for trial, result in zip(trials, results, strict=True):
            yield self._report(study, trial.number, result)

    def _overrides(self, number: int, values: Mapping[str, Any]) -> list[str]:
        overrides = self.space.overrides(values)
        if self.options.pruner is None:
            return overrides
        pruner = ",".join(f"{key}:{value}" for key, value in self.options.pruner.items())
        return [
            *overrides,
            "callbacks.pruning={_target_:brainbrr.sweeps.study.pruning_callback,"
            f"journal:'{self.folder / JOURNAL}',study:'{self.options.study}',trial:{number},"
            f"monitor:'{self.monitor}',pruner:{{{pruner}}}}}",
        ]

    def _report(self, study: Any, number: int, result: Result) -> bool:
        states = optuna().trial.TrialState
        if isinstance(result, RunPruned):
            study.tell(number, state=states.PRUNED)
            log.info("trial %d: pruned, %s", number, result.got)
            return True
        if result is None or isinstance(result, BaseException):
            study.tell(number, state=states.FAIL)
            log.error("trial %d failed: %s", number, "no score" if result is None else result)
            return False
        study.tell(number, float(result))
        log.info("trial %d: %s %.4g", number, self.monitor, result)
        return True
