"""Hydra's launcher for Modal: hands its values and the jobs to brainbrr."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from brainbrr.sweeps.modal.launch import JobResult


class ModalLauncher(Launcher):
    """Sends a sweep's jobs to Modal, follows them, and downloads their results.

    Its values are described in `conf/hydra/launcher/modal.yaml`.
    """

    def __init__(
        self,
        *,
        profile: str,
        gpu: Sequence[str] | str | None,
        gpu_of_hardware: Mapping[str, Sequence[str]],
        cpu: float,
        memory_gib: float,
        attempt_h: float,
        retries: int,
        max_containers: int | None,
        startup_s: float,
        region: str | None,
        results: str,
        corpora: str,
        volumes: Sequence[Mapping[str, Any]],
        bucket: Mapping[str, str] | None,
        secrets: Sequence[str],
        claims: str,
        program: Sequence[str],
        ledger: str,
        download: Sequence[str],
        download_mb: float,
    ) -> None:
        from brainbrr.sweeps.modal.launch import LaunchOptions

        self.options = LaunchOptions(
            container={
                "profile": profile,
                "cpu": cpu,
                "memory_gib": memory_gib,
                "attempt_h": attempt_h,
                "retries": retries,
                "max_containers": max_containers,
                "volumes": volumes,
                "bucket": bucket,
                "secrets": secrets,
                "region": region,
            },
            gpu=gpu,
            gpu_of_hardware=gpu_of_hardware,
            results=results,
            corpora=corpora,
            ledger=Path(ledger),
            request={
                "program": list(program),
                "claims": claims,
                "startup_s": startup_s,
                "attempt_s": attempt_h * 3600,
                "volumes": sorted({each["name"] for each in volumes if not each.get("read_only")}),
                "download": list(download),
                "download_bytes": int(download_mb * 1e6),
            },
        )
        self.config: DictConfig | None = None
        self.context: HydraContext | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Remember what Hydra composed; the task itself runs elsewhere."""
        self.config, self.context = config, hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run one batch of a sweep's jobs.

        Raises:
            BrainbrrError: what the checks refuse, before anything is sent.
        """
        from brainbrr.cli.modal_jobs import compose_and_run

        assert self.config is not None and self.context is not None
        results = compose_and_run(
            self.options, self.config, self.context, job_overrides, initial_job_idx
        )
        return [_job_return(each) for each in results]


def _job_return(result: "JobResult") -> JobReturn:
    """Return the objective, or the error, which a sweeper that asks for the value then raises."""
    back = JobReturn()
    back.overrides, back.cfg = result.overrides, result.cfg
    back.status = JobStatus.COMPLETED if result.error is None else JobStatus.FAILED
    back.return_value = result.objective if result.error is None else result.error
    return back
