"""A search for good options: ask for a run's values, launch it, tell what came of it."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.outcome import FAILED, PRUNED, read_outcome
from brainbrr.cli.search_space import SearchSpace, search_space
from brainbrr.errors import BrainbrrError
from brainbrr.file_lock import lock
from brainbrr.training.callbacks.pruning import RunPruned
from brainbrr.training.study import (
    drop_torn_line,
    journal_storage,
    make_pruner,
    make_sampler,
    optuna,
)

log = logging.getLogger(__name__)

JOURNAL, LOCK = "study.journal", "study.lock"
IDENTITY = "identity"


class OtherStudy(BrainbrrError):
    """A study on disk that searched another space."""


class SearchRunning(BrainbrrError):
    """Another process is at this search."""


class SearchFailed(BrainbrrError):
    """Runs of a search failed one after the other."""


class UnreachableStudy(BrainbrrError):
    """Runs that are to be pruned, on machines that do not see the study's file."""


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
    params: dict[str, str]


class Search:
    """A study on disk with the launcher of its runs.

    Trial N is run N of the sweep's folder. A search that was killed goes on with the same command:
    what was under way is launched again under its number and goes on from its checkpoint.

    Raises:
        UnreachableStudy, OtherStudy, InvalidSearchSpace: before anything is launched.
    """

    def __init__(
        self,
        options: SearchOptions,
        config: DictConfig,
        launcher: Launcher,
        arguments: Sequence[str],
        config_loader: Any = None,
    ) -> None:
        self.options, self.launcher = options, launcher
        self.monitor = str(config.monitor)
        self.folder = Path(config.hydra.sweep.dir).resolve()
        self.space: SearchSpace = search_space(options.params, arguments, config_loader)
        if options.pruner is not None and "modal" in str(config.hydra.launcher._target_):
            raise UnreachableStudy(
                "runs on machines that share the study's file, where runs are pruned",
                "hydra/launcher=modal",
                "Add hydra.sweeper.pruner=null: every run then goes to its end.",
            )
        self.config = config

    def run(self) -> Any:
        """Search until the study has its number of trials; the study."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with lock(self.folder / LOCK, self.options.study, wait=False) as claimed:
            if claimed == "busy":
                raise SearchRunning(
                    f"one process at the search in {self.folder}",
                    "another one still at it",
                    "Let it end, or name another: hydra.sweeper.study=NAME.",
                )
            journal = self.folder / JOURNAL
            if drop_torn_line(journal):
                log.warning("%s ended in half a line, which was dropped", journal)
            study = self._study(journal)
            OmegaConf.save(self.config, self.folder / "multirun.yaml")
            n_failed = 0
            for batch in self._batches(study):
                for well in self._launched(study, batch):
                    n_failed = 0 if well else n_failed + 1
                if n_failed >= self.options.max_failures:
                    raise SearchFailed(
                        "runs that come to an end",
                        f"{n_failed} that failed one after the other",
                        f"Their folders under {self.folder} say why.",
                    )
        return study

    def _study(self, journal: Path) -> Any:
        known = len(journal.read_bytes().splitlines()) if journal.exists() else 0
        study = optuna().create_study(
            study_name=self.options.study,
            storage=journal_storage(journal),
            # A sampler begun anew with the same seed would propose its first trials again.
            sampler=make_sampler(self.options.sampler, self.options.seed + known),
            pruner=make_pruner(self.options.pruner),
            direction="maximize",
            load_if_exists=True,
        )
        mine = {
            "space": dict(self.space.told),
            "fixed": sorted(self.space.fixed),
            "monitor": self.monitor,
        }
        stored = study.user_attrs.get(IDENTITY)
        if stored is not None and json.loads(stored) != mine:
            theirs = json.loads(stored)
            different = [key for key in mine if theirs.get(key) != mine[key]]
            raise OtherStudy(
                f"the study in {self.folder} to search the same",
                f"another {' and '.join(different)}",
                "Name another: hydra.sweeper.study=NAME.",
            )
        study.set_user_attr(IDENTITY, json.dumps(mine))
        return study

    def _batches(self, study: Any) -> Iterator[list[Any]]:
        """Trials to launch at a time: first what a former process left under way."""
        package = optuna()
        running = package.trial.TrialState.RUNNING
        # Launchers number the jobs of a batch on from the first.
        for left in study.get_trials(states=(running,)):
            before = read_outcome(self.folder / str(left.number))
            if before.state in {PRUNED, FAILED}:
                state = package.trial.TrialState.PRUNED if before.state == PRUNED else None
                study.tell(left.number, state=state or package.trial.TrialState.FAIL)
                continue
            log.info("trial %d was under way: it goes on", left.number)
            yield [left]
        while (n_left := self.options.n_trials - len(study.get_trials(deepcopy=False))) > 0:
            n_asked = min(n_left, self.options.n_jobs)
            yield [study.ask(dict(self.space.distributions)) for _ in range(n_asked)]

    def _launched(self, study: Any, trials: Sequence[Any]) -> Iterator[bool]:
        """Launch trials and tell the study; for each, whether it came to an end."""
        overrides = [self._overrides(trial.number, trial.params) for trial in trials]
        jobs = self.launcher.launch(overrides, initial_job_idx=trials[0].number)
        for trial, job in zip(trials, jobs, strict=True):
            yield self._told(study, trial.number, job)

    def _overrides(self, number: int, values: Mapping[str, Any]) -> list[str]:
        own = self.space.overrides(values)
        if self.options.pruner is None:
            return own
        pruner = ",".join(f"{key}:{value}" for key, value in self.options.pruner.items())
        return [
            *own,
            "callbacks.pruning={_target_:brainbrr.training.callbacks.pruning.Pruning,"
            f"journal:'{self.folder / JOURNAL}',study:'{self.options.study}',trial:{number},"
            f"monitor:'{self.monitor}',pruner:{{{pruner}}}}}",
        ]

    def _told(self, study: Any, number: int, job: JobReturn) -> bool:
        states = optuna().trial.TrialState
        # Asking for `return_value` would raise what a failed job raised.
        value = job._return_value
        if job.status == JobStatus.COMPLETED and value is not None:
            study.tell(number, float(value))
            log.info("trial %d: %s %.4g", number, self.monitor, value)
            return True
        if isinstance(value, RunPruned):
            study.tell(number, state=states.PRUNED)
            log.info("trial %d: pruned, %s", number, value.got)
            return True
        study.tell(number, state=states.FAIL)
        log.error("trial %d failed: %s", number, value if value is not None else "no score")
        return False
