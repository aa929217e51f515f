"""A sweep on Modal from Hydra's side: jobs composed and checked, sent, followed, brought home."""

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from brainbrr.cli.build import plain
from brainbrr.cli.terminal import results_console
from brainbrr.cli.trial_build import TrialBuild
from brainbrr.cloud.cell import Cell, code_digest, job_overrides
from brainbrr.cloud.estimate import UnknownStepTime, expected_hours
from brainbrr.cloud.home import bring_home, objective
from brainbrr.cloud.ledger import Ledger, Record
from brainbrr.cloud.prices import Prices
from brainbrr.cloud.sweep import FINISHED, Job, JobsFailed, Sweep, failures
from brainbrr.cloud.table import jobs_table
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.durable import open_durable
from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)
PACKAGE = CONF_FOLDER.parent / "brainbrr" if CONF_FOLDER.name == "conf" else CONF_FOLDER.parent


class JobDoesNotCompose(BrainbrrError):
    """A job of a sweep whose configuration is refused."""


class HardwareUnsaid(BrainbrrError):
    """Nothing says which GPU a sweep's jobs want, or they want different ones."""


class Launcher(Protocol):
    """The launcher's values, as its class takes them from the configuration."""

    container: Mapping[str, Any]
    gpu: Sequence[str] | str | None
    gpu_of_hardware: Mapping[str, Sequence[str]]
    results: str
    corpora: str
    ledger: Path
    request: Mapping[str, Any]


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
    from brainbrr.cloud.app import Cloud, image
    from brainbrr.cloud.client import ModalPlatform

    setup_globals()
    trial = TrialBuild()
    configs = [
        _composed(launcher, config, context, list(overrides), number, trial)
        for number, overrides in enumerate(batches, first)
    ]
    options = config.sweep
    gpu = _gpu(launcher, configs)
    code = code_digest((PACKAGE, CONF_FOLDER))
    jobs = [
        _job(launcher, cfg, list(overrides), number, gpu, code)
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
    platform.check(sorted({root for cfg in configs for root in _corpora(cfg)}))
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


def _composed(
    launcher: Launcher,
    config: DictConfig,
    context: HydraContext,
    overrides: list[str],
    number: int,
    trial: TrialBuild,
) -> DictConfig:
    """A job's configuration as its container will compose it.

    Raises:
        JobDoesNotCompose: naming the job, its overrides and the reason.
    """
    try:
        cfg = context.config_loader.load_sweep_config(
            config, [*overrides, *_elsewhere(launcher, config, overrides)]
        )
        with open_dict(cfg):
            cfg.hydra.job.id = cfg.hydra.job.num = number
        plain(_task(cfg))
        missing = sorted(OmegaConf.missing_keys(_task(cfg)))
        if missing:
            raise MissingMandatoryValue(f"no value for {' '.join(f'{key}=' for key in missing)}")
        trial.check(cfg)
    except (HydraException, OmegaConfBaseException, BrainbrrError) as error:
        raise JobDoesNotCompose(
            "jobs that compose and build",
            f"job {number} ({' '.join(overrides)}): {str(error).splitlines()[0]}",
            "Nothing was sent. Correct that override.",
        ) from error
    return cfg


def _task(cfg: DictConfig) -> DictConfig:
    kept = [str(key) for key in cfg if key != "hydra"]
    task = OmegaConf.masked_copy(cfg, kept)
    assert isinstance(task, DictConfig)
    return task


def _elsewhere(launcher: Launcher, config: DictConfig, overrides: list[str]) -> list[str]:
    """Overrides that put a job's files where containers have them."""
    if "paths" not in config or any(text.startswith("paths=") for text in overrides):
        return []
    return ["paths=modal", f"paths.root={launcher.results}", f"paths.data={launcher.corpora}"]


def _gpu(launcher: Launcher, configs: Sequence[DictConfig]) -> list[str]:
    """GPUs to try, as said or by the hardware profile.

    Raises:
        HardwareUnsaid: neither is given, or jobs of one sweep have different profiles.
    """
    if launcher.gpu is not None:
        return [launcher.gpu] if isinstance(launcher.gpu, str) else list(launcher.gpu)
    said = {_hardware(cfg) or "nothing" for cfg in configs}
    if len(said) > 1 or said == {"nothing"}:
        raise HardwareUnsaid(
            "one hardware= for all jobs, or hydra.launcher.gpu=[...]",
            ", ".join(sorted(said)),
            "It decides what is paid for; [] is a container without GPU.",
        )
    name = said.pop()
    if name not in launcher.gpu_of_hardware:
        raise HardwareUnsaid(
            f"hardware= one of {', '.join(launcher.gpu_of_hardware)}",
            name,
            "Say hydra.launcher.gpu=[...], or add it to hydra.launcher.gpu_of_hardware.",
        )
    return list(launcher.gpu_of_hardware[name])


def _hardware(cfg: DictConfig) -> str | None:
    """The hardware profile that was asked for."""
    asked = [str(text) for text in cfg.hydra.overrides.task]
    return next((text.split("=", 1)[1] for text in asked if text.startswith("hardware=")), None)


def _job(
    launcher: Launcher,
    cfg: DictConfig,
    overrides: list[str],
    number: int,
    gpu: Sequence[str],
    code: str,
) -> Job:
    """One job with its price and its estimate.

    Raises:
        UnknownGpu: a GPU without a price.
    """
    command = str(cfg.hydra.job.config_name)
    cell = Cell(number, command, job_overrides(overrides), code)
    run_dir = f"{launcher.results}/runs/sweeps/{cell.key}"
    out = next((f"{key}={run_dir}" for key in ("run_dir", "output") if key in cfg), None)
    remote = [text for text in _elsewhere(launcher, cfg, overrides) if text not in overrides]
    options = cfg.sweep
    prices = Prices(
        plain(options.usd_per_hour), options.usd_per_core_hour, options.usd_per_gib_hour
    )
    container = launcher.container
    hour = prices.dearest_hour(gpu, cpu=container["cpu"], memory_gib=container["memory_gib"])
    request = {
        **launcher.request,
        "arguments": [command, *cell.overrides, *remote, *([] if out is None else [out])],
        "run_dir": run_dir,
    }
    return Job(cell, request, hour, _hours(cfg), Record(cell.key))


def _hours(cfg: DictConfig) -> float | None:
    options = cfg.sweep
    if options.hours_per_job is not None:
        return float(options.hours_per_job)
    if "trainer" not in cfg:
        return None
    choices = cfg.hydra.runtime.choices
    try:
        return expected_hours(
            plain(_task(cfg)),
            model=str(choices.get("model")),
            hardware=str(choices.get("hardware")),
            step_s=plain(options.step_s),
            windows_per_epoch=options.windows_per_epoch,
            overhead=options.overhead,
        )
    except UnknownStepTime as error:
        log.warning("No estimate, only the cap: %s", error)
        return None


def _corpora(cfg: DictConfig) -> list[str]:
    """Folders of recordings that a job reads."""
    root = OmegaConf.select(cfg, "data.root")
    return [] if root is None else [str(root)]


def _home(cfg: DictConfig) -> Path:
    """The job's local folder, with what was asked for already in it."""
    folder = Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir)
    with open_durable(folder / ".hydra" / "overrides.yaml") as file:
        file.write(OmegaConf.to_yaml(cfg.hydra.overrides.task))
    with open_durable(folder / ".hydra" / "config.yaml") as file:
        file.write(OmegaConf.to_yaml(_task(cfg)))
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
