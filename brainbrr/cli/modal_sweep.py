"""A sweep on Modal from Hydra's side: jobs composed and checked, sent, followed, brought home."""

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.utils import setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from brainbrr.atomic_io import atomic_write
from brainbrr.cli.modal_jobs import Launcher, composed, corpora_of, gpus_of, job_of, task_of
from brainbrr.cli.terminal import results_console
from brainbrr.cli.trial_build import TrialBuild
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.modal.ledger import Ledger
from brainbrr.sweeps.modal.results import bring_home, objective
from brainbrr.sweeps.modal.sweep import FINISHED, Job, JobsFailed, Sweep, failures
from brainbrr.sweeps.modal.sweep_job import code_digest
from brainbrr.sweeps.modal.table import jobs_table

log = logging.getLogger(__name__)
PACKAGE = CONF_FOLDER.parent / "brainbrr" if CONF_FOLDER.name == "conf" else CONF_FOLDER.parent


class NoModal(BrainbrrError):
    """The package that talks to Modal is not installed."""


def run_sweep(
    launcher: Launcher,
    config: DictConfig,
    context: HydraContext,
    batches: Sequence[Sequence[str]],
    first: int,
) -> list[dict[str, Any]]:
    """Run one batch of jobs; for each its `overrides`, `cfg`, `objective` and `error`.

    Raises:
        BrainbrrError: what the checks refuse, before anything is sent.
        KeyboardInterrupt: the jobs go on; it is told how to come back to them.
    """
    if find_spec("modal") is None:
        raise NoModal("the package modal", "none", "pip install 'brainbrr[modal]'.")
    from brainbrr.sweeps.modal.app import Cloud, image
    from brainbrr.sweeps.modal.client import ModalPlatform

    setup_globals()
    trial = TrialBuild()
    configs = [
        composed(launcher, config, context, list(overrides), number, trial)
        for number, overrides in enumerate(batches, first)
    ]
    options = config.sweep
    gpu = gpus_of(launcher, configs)
    code = code_digest((PACKAGE, CONF_FOLDER))
    jobs = [
        job_of(launcher, cfg, list(overrides), number, gpu, code)
        for number, (cfg, overrides) in enumerate(zip(configs, batches, strict=True), first)
    ]
    cloud = Cloud(gpu=gpu, **launcher.container)
    image(cloud.profile)
    platform = ModalPlatform(cloud)
    sweep = Sweep(
        platform,
        Ledger(launcher.ledger),
        options.max_usd,
        again=options.again,
        code=options.code,
        poll_s=options.poll_s,
    )
    if config.dry_run:
        _show_dry_run(sweep, jobs, cloud)
        return [_back(job, cfg) for job, cfg in zip(jobs, configs, strict=True)]
    platform.check(sorted({root for cfg in configs for root in corpora_of(cfg)}))
    if options.cancel:
        _show(sweep.cancel(jobs))
        return [_back(job, cfg) for job, cfg in zip(jobs, configs, strict=True)]
    homes = {job.cell.number: _home(cfg) for job, cfg in zip(jobs, configs, strict=True)}
    jobs = _sent_and_followed(sweep, jobs, homes)
    error = failures(jobs)
    return [_back(job, cfg, error) for job, cfg in zip(jobs, configs, strict=True)]


def _sent_and_followed(sweep: Sweep, jobs: list[Job], homes: Mapping[int, Path]) -> list[Job]:
    def ended(job: Job) -> None:
        assert job.outcome is not None
        bring_home(
            job.outcome,
            homes[job.cell.number],
            usd=job.record.spent_usd,
            call_id=job.record.call_id,
            run_dir=job.request["run_dir"],
            overrides=list(job.cell.overrides),
        )
        log.info("job %d %s: %s", job.cell.number, job.state, homes[job.cell.number])

    try:
        jobs = sweep.send(jobs)
        _show(jobs)
        jobs = sweep.follow(jobs, ended)
    except KeyboardInterrupt:
        apps = sorted({job.record.app_id for job in jobs if job.record.app_id})
        log.warning(
            "The jobs go on without this computer. The same command follows them again and brings "
            "results home; with sweep.cancel=true it ends them%s.",
            f" (or `modal app stop {' '.join(apps)}`)" if apps else "",
        )
        raise
    _show(jobs)
    return jobs


def _home(cfg: DictConfig) -> Path:
    """The job's local folder, with what was asked for already in it."""
    folder = Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir)
    with atomic_write(folder / ".hydra" / "overrides.yaml") as file:
        file.write(OmegaConf.to_yaml(cfg.hydra.overrides.task))
    with atomic_write(folder / ".hydra" / "config.yaml") as file:
        file.write(OmegaConf.to_yaml(task_of(cfg)))
    return folder


def _show(jobs: Sequence[Job]) -> None:
    results_console().print(jobs_table(jobs))


def _show_dry_run(sweep: Sweep, jobs: Sequence[Job], cloud: Any) -> None:
    """Everything that would be sent."""
    known = sweep.known(jobs)
    share_usd = sweep.shares_usd(known)
    sending = {job.cell.number for job in sweep.to_send(known)}
    console = results_console()
    console.print(jobs_table(known))
    console.print(
        "container:", json.dumps(vars(cloud), default=OmegaConf.to_container), soft_wrap=True
    )
    for job in known:
        if job.cell.number in sending:
            line = shlex.join([*job.request["program"], *job.request["arguments"]])
            console.print(
                f"job {job.cell.number}, at most {share_usd:.2f} USD: {line}", soft_wrap=True
            )
        else:
            console.print(f"job {job.cell.number}: {job.state}, not sent again")
    console.print("dry_run=true: nothing was sent")


def _back(job: Job, cfg: DictConfig, error: JobsFailed | None = None) -> dict[str, Any]:
    value = None if job.outcome is None else objective(job.outcome)
    mine = error if job.outcome is not None and job.state != FINISHED else None
    return {"overrides": list(job.cell.overrides), "cfg": cfg, "objective": value, "error": mine}
