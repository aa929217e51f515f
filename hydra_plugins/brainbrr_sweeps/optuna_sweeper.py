"""Hydra's door to the search with Optuna."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class OptunaSweeper(Sweeper):
    """Asks Optuna for each run's options and tells it what came of them.

    Its values are described in `conf/hydra/sweeper/search.yaml`.
    """

    def __init__(
        self,
        *,
        study: str,
        n_trials: int,
        n_jobs: int,
        max_failures: int,
        seed: int,
        sampler: Mapping[str, Any],
        pruner: Mapping[str, Any] | None,
        params: Mapping[str, Any],
    ) -> None:
        self.values: dict[str, Any] = {
            "study": study,
            "n_trials": n_trials,
            "n_jobs": n_jobs,
            "max_failures": max_failures,
            "seed": seed,
            "sampler": dict(sampler),
            "pruner": None if pruner is None else dict(pruner),
            "params": {key: str(value) for key, value in params.items()},
        }
        self.config: DictConfig | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Prepare the launcher of the runs."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Search, and show what was found.

        Raises:
            BrainbrrError: see `brainbrr.cli.search`.
        """
        from brainbrr.cli.search import Search, SearchOptions
        from brainbrr.cli.search_report import tell_search

        assert self.config is not None
        loader = self.hydra_context.config_loader
        options = SearchOptions(**self.values)
        search = Search(options, self.config, self.launcher, arguments, loader)
        tell_search(search.run(), search.folder, search.monitor)
        return []
