"""Jobs of a sweep on Modal, composed as their containers will and checked before they are sent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from brainbrr.cli.build import plain
from brainbrr.cli.trial_build import TrialBuild
from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.modal.estimate import UnknownStepTime, expected_hours
from brainbrr.sweeps.modal.ledger import Record
from brainbrr.sweeps.modal.prices import Prices
from brainbrr.sweeps.modal.sweep import Job
from brainbrr.sweeps.modal.sweep_job import Cell, job_overrides


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


def composed(
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
        plain(task_of(cfg))
        missing = sorted(OmegaConf.missing_keys(task_of(cfg)))
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


def task_of(cfg: DictConfig) -> DictConfig:
    """A configuration without what steers Hydra."""
    kept = [str(key) for key in cfg if key != "hydra"]
    task = OmegaConf.masked_copy(cfg, kept)
    assert isinstance(task, DictConfig)
    return task


def _elsewhere(launcher: Launcher, config: DictConfig, overrides: list[str]) -> list[str]:
    """Overrides that put a job's files where containers have them."""
    if "paths" not in config or any(text.startswith("paths=") for text in overrides):
        return []
    return ["paths=modal", f"paths.root={launcher.results}", f"paths.data={launcher.corpora}"]


def gpus_of(launcher: Launcher, configs: Sequence[DictConfig]) -> list[str]:
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


def job_of(
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
            plain(task_of(cfg)),
            model=str(choices.get("model")),
            hardware=str(choices.get("hardware")),
            step_s=plain(options.step_s),
            windows_per_epoch=options.windows_per_epoch,
            overhead=options.overhead,
        )
    except UnknownStepTime:
        return None


def corpora_of(cfg: DictConfig) -> list[str]:
    """Folders of recordings that a job reads."""
    root = OmegaConf.select(cfg, "data.root")
    return [] if root is None else [str(root)]
