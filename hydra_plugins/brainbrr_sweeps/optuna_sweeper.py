"""Hydra's sweeper for the search with Optuna: reads the space, hands it to brainbrr.sweeps."""

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class OptunaSweeper(Sweeper):
    """Asks Optuna for each run's options and reports each run's score to it.

    Its values are described in `conf/hydra/sweeper/search.yaml`.
    """

    def __init__(self, **values: Any) -> None:
        from brainbrr.sweeps.search import SearchOptions

        plain = OmegaConf.to_container(OmegaConf.create(values))
        assert isinstance(plain, dict)
        self.options = SearchOptions(**{str(key): value for key, value in plain.items()})

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Prepare the launcher of the runs."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        """Search, and show the result.

        Raises:
            BrainbrrError: see `brainbrr.sweeps.search`.
        """
        from brainbrr.cli.search_space import search_space
        from brainbrr.cli.terminal import results_console
        from brainbrr.sweeps.search import Search

        space = search_space(self.options.params, arguments, self.hydra_context.config_loader)
        search = Search(self.options, space, self.config, self._launch)
        study = search.run()
        if study is not None:
            results_console().print(search.summary(study), soft_wrap=True)
        return []

    def _launch(self, batch: list[list[str]], first: int) -> list[Any]:
        jobs = self.launcher.launch(batch, initial_job_idx=first)
        # `return_value` would raise what a failed job raised.
        return [job._return_value for job in jobs]
