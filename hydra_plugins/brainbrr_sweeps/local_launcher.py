"""Hydra's door to runs as processes of their own on this machine, several at a time."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Starts each run of a sweep as its own `brainbrr train`.

    Its values are described in `conf/hydra/launcher/local.yaml`.
    """

    def __init__(
        self, *, n_jobs: int, devices: Sequence[str] | None, program: Sequence[str]
    ) -> None:
        self.n_jobs, self.program = n_jobs, list(program)
        self.devices = None if devices is None else [str(each) for each in devices]
        self.config: DictConfig | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Remember what Hydra composed; the task itself runs in the processes."""
        self.config, self.context = config, hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run one batch of a sweep's jobs, all to their ends."""
        from brainbrr.cli.local_jobs import run_jobs

        assert self.config is not None
        return run_jobs(
            [list(overrides) for overrides in job_overrides],
            first=initial_job_idx,
            config=self.config,
            config_loader=self.context.config_loader,
            n_jobs=self.n_jobs,
            devices=self.devices,
            program=self.program,
        )
