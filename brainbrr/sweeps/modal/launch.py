"""A sweep on Modal: composed jobs are priced, sent, followed, and their results downloaded."""

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from brainbrr.atomic_io import atomic_write
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import Failed, InvalidOption, Unavailable
from brainbrr.sweeps.modal.ledger import Ledger, Record
from brainbrr.sweeps.modal.results import download_results, objective
from brainbrr.sweeps.modal.sweep import FINISHED, HOUR_S, Sweep, failures
from brainbrr.sweeps.modal.sweep_job import JobSpec, SweepJob, code_digest, job_overrides

log = logging.getLogger(__name__)

PACKAGE = CONF_FOLDER.parent / "brainbrr" if CONF_FOLDER.name == "conf" else CONF_FOLDER.parent
COLOURS = {"finished": "green", "running": "cyan", "unsent": "dim"}


@dataclass(frozen=True)
class LaunchOptions:
    """The launcher's values, described in `conf/hydra/launcher/modal.yaml`.

    Attributes:
        container: arguments of `brainbrr.sweeps.modal.app.Cloud`, without the GPUs.
        gpu: to try in this order; None: by the hardware profile.
        gpu_of_hardware: GPUs of each profile.
        results, corpora: folders as jobs see them.
        ledger: file of what was sent.
        request: what every container gets.
    """

    container: Mapping[str, Any]
    gpu: Sequence[str] | str | None
    gpu_of_hardware: Mapping[str, Sequence[str]]
    results: str
    corpora: str
    ledger: Path
    request: Mapping[str, Any]

    def path_overrides(self, config: DictConfig, overrides: Sequence[str]) -> list[str]:
        """Return overrides that put a job's files where containers have them."""
        if "paths" not in config or any(text.startswith("paths=") for text in overrides):
            return []
        return ["paths=modal", f"paths.root={self.results}", f"paths.data={self.corpora}"]


@dataclass(frozen=True)
class JobResult:
    """What a sweeper gets of a job.

    Attributes:
        objective: the best value of its monitored metric, if it finished.
        error: why it has none, if it ended otherwise.
    """

    overrides: list[str]
    cfg: DictConfig
    objective: float | None
    error: Failed | None


def run_sweep(
    launcher: LaunchOptions,
    config: DictConfig,
    configs: Sequence[DictConfig],
    batches: Sequence[Sequence[str]],
    first: int,
    console: Console,
) -> list[JobResult]:
    """Run one batch of jobs.

    Args:
        config: of the sweep, with its options.
        configs: of each job, composed as its container will compose it.
        batches: overrides of each job.
        first: number of the first job.

    Raises:
        BrainbrrError: what the checks refuse, before anything is sent.
        KeyboardInterrupt: the jobs continue; a warning names how to follow or end them.
    """
    from brainbrr.sweeps.modal.app import Cloud, image
    from brainbrr.sweeps.modal.client import ModalPlatform

    options = config.sweep
    gpu = gpus_of(launcher, configs)
    code = code_digest((PACKAGE, CONF_FOLDER))
    jobs = [
        make_job(launcher, cfg, list(overrides), number, gpu, code)
        for number, (cfg, overrides) in enumerate(zip(configs, batches, strict=True), first)
    ]
    cloud = Cloud(gpu=gpu, **launcher.container)
    # An unknown profile is refused here, also by a dry run.
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
    error = None
    if config.dry_run:
        _show_dry_run(sweep, jobs, cloud, console)
    else:
        roots = {OmegaConf.select(cfg, "data.root") for cfg in configs} - {None}
        platform.check(sorted(str(root) for root in roots))
        if options.cancel:
            console.print(jobs_table(sweep.cancel(jobs)))
        else:
            jobs = _send_and_follow(sweep, jobs, [_job_folder(cfg) for cfg in configs], console)
            error = failures(jobs)
    return [
        JobResult(
            list(job.spec.overrides),
            cfg,
            None if job.result is None else objective(job.result),
            error if job.result is not None and job.state != FINISHED else None,
        )
        for job, cfg in zip(jobs, configs, strict=True)
    ]


def require_modal() -> None:
    """Refuse a sweep on Modal if its package is not installed.

    Raises:
        Unavailable: it is not.
    """
    if find_spec("modal") is None:
        raise Unavailable("the package modal is not installed", "pip install 'brainbrr[modal]'.")


def gpus_of(launcher: LaunchOptions, configs: Sequence[DictConfig]) -> list[str]:
    """Return the GPUs to try, as given or by the hardware profile.

    Raises:
        InvalidOption: neither is given, or jobs of one sweep have different profiles.
    """
    if launcher.gpu is not None:
        return [launcher.gpu] if isinstance(launcher.gpu, str) else list(launcher.gpu)
    names = {_hardware(cfg) or "nothing" for cfg in configs}
    if len(names) > 1 or names == {"nothing"}:
        raise InvalidOption(
            "one hardware= for all jobs, or hydra.launcher.gpu=[...]",
            ", ".join(sorted(names)),
            "It decides what is paid for; [] is a container without GPU.",
        )
    name = names.pop()
    if name not in launcher.gpu_of_hardware:
        raise InvalidOption(
            f"hardware= one of {', '.join(launcher.gpu_of_hardware)}",
            name,
            "Give hydra.launcher.gpu=[...], or add it to hydra.launcher.gpu_of_hardware.",
        )
    return list(launcher.gpu_of_hardware[name])


def _hardware(cfg: DictConfig) -> str | None:
    """Return the hardware profile on the command line; a default of this machine does not count."""
    typed = [str(text) for text in cfg.hydra.overrides.task]
    return next((text.split("=", 1)[1] for text in typed if text.startswith("hardware=")), None)


def make_job(
    launcher: LaunchOptions,
    cfg: DictConfig,
    overrides: list[str],
    number: int,
    gpu: Sequence[str],
    code: str,
) -> SweepJob:
    """Make one job with its price.

    Raises:
        InvalidOption: a GPU without a price.
    """
    command = str(cfg.hydra.job.config_name)
    spec = JobSpec(number, command, job_overrides(overrides), code)
    run_dir = f"{launcher.results}/runs/sweeps/{spec.key}"
    output = [f"{key}={run_dir}" for key in ("run_dir", "output") if key in cfg][:1]
    paths = [text for text in launcher.path_overrides(cfg, overrides) if text not in overrides]
    options, container = cfg.sweep, launcher.container
    usd_per_hour = container["cpu"] * options.usd_per_core_hour
    usd_per_hour += container["memory_gib"] * options.usd_per_gib_hour
    usd_per_hour += highest_usd_per_hour(options.usd_per_hour, gpu)
    request = {
        **launcher.request,
        "arguments": [command, *spec.overrides, *paths, *output],
        "run_dir": run_dir,
    }
    return SweepJob(spec, request, usd_per_hour, Record(spec.key))


def highest_usd_per_hour(prices: Mapping[str, float], gpus: Sequence[str]) -> float:
    """Price the most expensive of several GPUs, `H100` or `H100:4` (upper bound for the budget).

    Raises:
        InvalidOption: a type without a price.
    """
    highest = 0.0
    for gpu in gpus:
        name, _, count = gpu.upper().partition(":")
        if name not in prices or not (count or "1").isdigit():
            raise InvalidOption(
                f"a GPU of sweep.usd_per_hour: {', '.join(prices)}",
                gpu,
                "Correct hydra.launcher.gpu, or add its price.",
            )
        highest = max(highest, prices[name] * int(count or 1))
    return highest


def task_config(cfg: DictConfig) -> DictConfig:
    """Return a configuration without Hydra's node."""
    task = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    assert isinstance(task, DictConfig)
    return task


def _send_and_follow(
    sweep: Sweep, jobs: list[SweepJob], folders: Sequence[Path], console: Console
) -> list[SweepJob]:
    folder_of = {job.spec.number: folder for job, folder in zip(jobs, folders, strict=True)}

    def ended(job: SweepJob) -> None:
        folder = folder_of[job.spec.number]
        download_results(job, folder)
        log.info("job %d %s: %s", job.spec.number, job.state, folder)

    try:
        jobs = sweep.send(jobs)
        console.print(jobs_table(jobs))
        jobs = sweep.follow(jobs, ended)
    except KeyboardInterrupt:
        apps = sorted({job.record.app_id for job in jobs if job.record.app_id})
        log.warning(
            "The jobs continue without this computer. The same command follows them again and "
            "downloads results; with sweep.cancel=true it ends them%s.",
            f" (or `modal app stop {' '.join(apps)}`)" if apps else "",
        )
        raise
    console.print(jobs_table(jobs))
    return jobs


def _job_folder(cfg: DictConfig) -> Path:
    """Make the job's local folder, with its overrides and configuration in it."""
    folder = Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir)
    with atomic_write(folder / ".hydra" / "overrides.yaml") as file:
        file.write(OmegaConf.to_yaml(cfg.hydra.overrides.task))
    with atomic_write(folder / ".hydra" / "config.yaml") as file:
        file.write(OmegaConf.to_yaml(task_config(cfg)))
    return folder


def _show_dry_run(sweep: Sweep, jobs: Sequence[SweepJob], cloud: Any, console: Console) -> None:
    """Show everything that would be sent."""
    jobs = sweep.with_records(jobs)
    budget_usd = sweep.budget_usd(jobs)
    sending = {job.spec.number for job in sweep.to_send(jobs)}
    console.print(jobs_table(jobs))
    console.print(
        "container:", json.dumps(vars(cloud), default=OmegaConf.to_container), soft_wrap=True
    )
    for job in jobs:
        if job.spec.number in sending:
            line = shlex.join([*job.request["program"], *job.request["arguments"]])
            console.print(
                f"job {job.spec.number}, at most {budget_usd:.2f} USD: {line}", soft_wrap=True
            )
        else:
            console.print(f"job {job.spec.number}: {job.state}, not sent again")
    console.print("dry_run=true: nothing was sent")


def jobs_table(jobs: Sequence[SweepJob]) -> Table:
    """Tabulate number, overrides, state, time, cost and call of each job."""
    table = Table("job", "overrides", "state", "took", "USD", "call")
    for job in jobs:
        colour = COLOURS.get(job.state, "red")
        is_open = job.record.is_open
        table.add_row(
            str(job.spec.number),
            " ".join(job.spec.overrides),
            f"[{colour}]{job.state}[/{colour}]",
            "" if job.result is None else _time(job.result.seconds),
            f"≤ {job.record.reserved_usd:.2f}" if is_open else f"{job.record.spent_usd:.2f}",
            job.record.call_id,
        )
    table.caption = f"spent {sum(job.record.spent_usd for job in jobs):.2f} USD"
    return table


def _time(seconds: float) -> str:
    return f"{seconds / HOUR_S:.2f} h" if seconds > HOUR_S else f"{seconds:.0f} s"
