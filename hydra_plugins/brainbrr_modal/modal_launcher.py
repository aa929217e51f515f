"""Hydra's launcher for Modal: composes and checks every job, then hands them to a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class ModalLauncher(Launcher):
    """Sends a sweep's jobs to Modal, follows them, and brings their results home.

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
        bring_home: Sequence[str],
        bring_home_mb: float,
    ) -> None:
        self.container: Mapping[str, Any] = {
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
        }
        self.gpu, self.gpu_of_hardware = gpu, gpu_of_hardware
        self.results, self.corpora = results, corpora
        self.ledger = Path(ledger)
        self.request: Mapping[str, Any] = {
            "program": list(program),
            "claims": claims,
            "startup_s": startup_s,
            "attempt_s": attempt_h * 3600,
            "volumes": sorted({each["name"] for each in volumes if not each.get("read_only")}),
            "bring_home": list(bring_home),
            "bring_home_bytes": int(bring_home_mb * 1e6),
        }
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
            BrainbrrError: what the checks refuse, before anything is sent; afterwards, where jobs
                did not finish.
        """
        from brainbrr.cli.modal_sweep import run_sweep

        assert self.config is not None and self.context is not None
        ended = run_sweep(self, self.config, self.context, job_overrides, initial_job_idx)
        return [_returned(each) for each in ended]


def _returned(ended: Mapping[str, Any]) -> JobReturn:
    """What a sweeper gets: the objective, or the error that it raises when it looks."""
    back = JobReturn()
    back.overrides, back.cfg = ended["overrides"], ended["cfg"]
    back.status = JobStatus.FAILED if ended["error"] is not None else JobStatus.COMPLETED
    back.return_value = ended["error"] if ended["error"] is not None else ended["objective"]
    return back
