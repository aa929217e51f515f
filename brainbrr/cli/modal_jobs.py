"""Jobs of a sweep on Modal, composed as their containers will and built before they are sent."""

from collections.abc import Sequence

from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from brainbrr.cli.build import build, check_optimizer, plain
from brainbrr.cli.terminal import results_console
from brainbrr.errors import BrainbrrError, InvalidOption
from brainbrr.sweeps.modal.launch import (
    JobResult,
    LaunchOptions,
    require_modal,
    run_sweep,
    task_config,
)

BUILT = ("loss", "dataloader", "augmentation", "trainer", "detect", "model")


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
    trial: "TrialBuild",
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


class TrialBuild:
    """Builds what jobs would build; a part that several jobs share is built once."""

    def __init__(self) -> None:
        self._checked: set[str] = set()

    def check(self, cfg: DictConfig) -> None:
        """Build one job's parts and drop them.

        Raises:
            BrainbrrError: a value that the code refuses.
        """
        for name in BUILT:
            if cfg.get(name) and self._is_new(name, cfg):
                build(cfg[name])
        if cfg.get("optimizer") and self._is_new("optimizer", cfg):
            check_optimizer(build(cfg.optimizer), build(cfg.scheduler))

    def _is_new(self, name: str, cfg: DictConfig) -> bool:
        nodes = [name, "scheduler"] if name == "optimizer" else [name]
        text = f"{nodes}: {[OmegaConf.to_container(cfg.get(n), resolve=True) for n in nodes]}"
        is_new = text not in self._checked
        self._checked.add(text)
        return is_new
