"""Every option of every group composes and builds; every profile fits every model."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.build import build, build_each
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.models.registry import FAMILIES, describe_model, read_model
from brainbrr.release.artifact import find_release
from brainbrr.release.description import read_description
from brainbrr.release.released_files import read_description_file

BUILT = (
    "data", "model", "loss", "optimizer", "scheduler", "dataloader", "augmentation", "trainer",
    "callbacks", "detect", "scoring", "prepare",
)  # fmt: skip
OPTIONS = [
    (group, file.stem) for group in BUILT for file in sorted((CONF_FOLDER / group).glob("*.yaml"))
]
HARDWARE = sorted(file.stem for file in (CONF_FOLDER / "hardware").glob("*.yaml"))
MODELS = sorted(file.stem for file in (CONF_FOLDER / "model").glob("*.yaml"))
FORM_ONLY = re.compile("scan|recompute|eigensolver|prior|.*_dropout")
"""Numbers of a model that change no output of a trained one."""
EXPERIMENTS = sorted(file.stem for file in (CONF_FOLDER / "experiment").glob("*.yaml"))


def composed(*overrides: str, command: str = "train") -> DictConfig:
    """The configuration a command would run with, interpolations resolved."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        cfg = compose(command, list(overrides))
    OmegaConf.resolve(cfg)
    return cfg


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_builds(group: str, option: str, tmp_path: Path) -> None:
    overrides = [f"{group}={option}", f"run_dir={tmp_path}", f"data.root={tmp_path}"]
    node = composed(*overrides)[group]
    built = build(node) if node else None
    assert (built is not None) == bool(node)


@pytest.mark.parametrize("hardware", HARDWARE)
def test_every_profile_keeps_the_effective_batch(hardware: str) -> None:
    cfg = composed(f"hardware={hardware}")
    batch = cfg.dataloader.batch_size * cfg.trainer.accumulate_grad_batches
    assert batch == 64
    assert cfg.trainer.precision in {"32-true", "bf16-mixed", "16-mixed"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("hardware", HARDWARE)
def test_every_profile_composes_with_every_model(hardware: str, model: str) -> None:
    cfg = composed(f"hardware={hardware}", f"model={model}")
    assert cfg.model._target_.startswith("brainbrr.models.")


@pytest.mark.parametrize("model", MODELS)
def test_a_model_read_without_hydra_is_the_same(model: str) -> None:
    composed_model = OmegaConf.to_container(composed(f"model={model}").model)
    family, numbers = read_model(model)
    assert composed_model == {"_target_": FAMILIES[family], **numbers}


def test_a_model_states_only_what_differs_from_the_one_it_inherits() -> None:
    for name in ("v3_interval5", "v3_small", "v3_tiny", "v3_electrode"):
        stated = OmegaConf.load(CONF_FOLDER / "model" / f"{name}.yaml")
        assert stated.pop("defaults") == ["v3", "_self_"]
        _, usual = read_model("v3")
        assert not [key for key, value in stated.items() if value == usual[str(key)]]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes(experiment: str, tmp_path: Path) -> None:
    cfg = composed(f"experiment={experiment}", f"data.root={tmp_path}")
    assert cfg.trainer.max_epochs >= 1


def test_an_experiment_overrides_what_the_command_says() -> None:
    assert composed().baselines == []
    assert composed("experiment=quickstart").baselines == ["line_length", "band_power"]


def test_the_quickstart_fits_the_detector_it_starts_from() -> None:
    cfg = composed("experiment=quickstart")
    released = read_description(read_description_file(find_release(cfg.init_from)))
    model = describe_model(OmegaConf.to_container(cfg.model))

    def computed(numbers: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in numbers.items() if not FORM_ONLY.fullmatch(key)}

    assert computed(model) == computed(released.model)
    assert build(cfg.signal.preparation) == released.preparation
    assert cfg.signal.window_s == released.windowing.window_s


def test_training_from_scratch_starts_from_nothing() -> None:
    cfg = composed("experiment=from_scratch")
    assert cfg.init_from is None
    assert cfg.baselines == ["line_length", "band_power"]


def test_one_monitor_feeds_checkpoint_and_early_stopping() -> None:
    cfg = composed("monitor=val/loss")
    assert cfg.callbacks.checkpoints.monitor == "val/loss"
    assert cfg.callbacks.early_stopping.monitor == "val/loss"


def test_the_default_loggers_build(tmp_path: Path) -> None:
    assert len(build_each(composed(f"run_dir={tmp_path}").logger)) == 2


def _targets(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["_target_"]] if "_target_" in node else []
        return own + [target for child in node.values() for target in _targets(child)]
    return (
        [target for child in node for target in _targets(child)] if isinstance(node, list) else []
    )


@pytest.mark.parametrize("file", sorted(CONF_FOLDER.rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_target_exists(file: Path) -> None:
    for target in _targets(OmegaConf.to_container(OmegaConf.load(file), resolve=False)):
        module, _, name = target.rpartition(".")
        if not target.startswith("lightning.pytorch.loggers"):
            assert hasattr(importlib.import_module(module), name), target
