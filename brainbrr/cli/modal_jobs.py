"""Jobs of a sweep on Modal, composed as their containers will and built before they are sent."""

from collections.abc import Sequence

from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from brainbrr.cli.build import plain
from brainbrr.cli.terminal import results_console
from brainbrr.cli.trial_build import TrialBuild
from brainbrr.errors import BrainbrrError, InvalidOption
from brainbrr.sweeps.modal.launch import (
    JobResult,
    LaunchOptions,
    require_modal,
    run_sweep,
    task_config,
)


def compose_and_run(
    launcher: LaunchOptions,
    config: DictConfig,
    context: HydraContext,
    batches: Sequence[Sequence[str]],
    first: int,
) -> list[JobResult]:
    """Compose and build every job, then run them; see `run_sweep`.

    Raises:
        BrainbrrError: what the checks refuse, before anything is sent.
    """
    require_modal()
    setup_globals()
    trial = TrialBuild()
    configs = [
        _composed(launcher, config, context, list(overrides), number, trial)
        for number, overrides in enumerate(batches, first)
    ]
    return run_sweep(launcher, config, configs, batches, first, results_console())


def _composed(
    launcher: LaunchOptions,
    config: DictConfig,
    context: HydraContext,
    overrides: list[str],
    number: int,
    trial: TrialBuild,
) -> DictConfig:
    try:
        cfg = context.config_loader.load_sweep_config(
            config, [*overrides, *launcher.path_overrides(config, overrides)]
        )
        with open_dict(cfg):
            cfg.hydra.job.id = cfg.hydra.job.num = number
        task = task_config(cfg)
        plain(task)
        missing = sorted(OmegaConf.missing_keys(task))
        if missing:
            raise MissingMandatoryValue(f"no value for {' '.join(f'{key}=' for key in missing)}")
        trial.check(cfg)
    except (HydraException, OmegaConfBaseException, BrainbrrError) as error:
        raise InvalidOption(
            "jobs that compose and build",
            f"job {number} ({' '.join(overrides)}): {str(error).splitlines()[0]}",
            "Nothing was sent. Correct that override.",
        ) from error
    return cfg
