"""Every option of every group of training is composed, built, and does its work."""

from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch.loggers import Logger
from omegaconf import OmegaConf

from brainbrr.cli.build import build, build_each
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.training.callbacks.callback_set import CallbackSet
from brainbrr.training.hardware import PROFILES, apply_settings
from brainbrr.training.parameters import parameter_groups
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny

CONF = Path(__file__).resolve().parents[2] / "conf"
GROUPS = ("loss", "optimizer", "scheduler", "augmentation", "trainer", "callbacks", "dataloader")
EFFECTIVE_BATCH = 64


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@cache
def composed(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["hardware=cpu", "run_dir=run", *overrides])


@pytest.mark.parametrize(
    ("group", "option"), [(group, option) for group in GROUPS for option in options(group)]
)
def test_every_option_is_built(group, option):
    cfg = composed(f"{group}={option}")
    assert build(cfg[group]) is not None


@pytest.mark.parametrize("loss", options("loss"))
@pytest.mark.parametrize("optimizer", options("optimizer"))
@pytest.mark.parametrize("scheduler", options("scheduler"))
def test_what_is_built_learns(loss, optimizer, scheduler):
    network, batch = tiny.TinyNetwork(), tiny.batch_of(2)
    stepper = build(composed(f"optimizer={optimizer}").optimizer)(parameter_groups(network))
    schedule = build(composed(f"scheduler={scheduler}").scheduler)(stepper, 100)
    batch.label[:, 100:] = True
    cost = build(composed(f"loss={loss}").loss).for_seizure_fraction(0.5)
    losses = []
    for _ in range(20):
        stepper.zero_grad()
        losses.append(cost(network(batch.eeg / 100.0), batch.label, batch.weight))
        losses[-1].backward()
        stepper.step()
        schedule.step()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("augmentation", options("augmentation"))
def test_augmentations_keep_a_batch_s_shape(augmentation):
    change = build(composed(f"augmentation={augmentation}").augmentation)
    batch = tiny.batch_of(3)
    changed = change(batch, torch.Generator().manual_seed(0))
    assert [part.shape for part in changed] == [part.shape for part in batch]


def test_callbacks_and_loggers_are_whole():
    cfg = composed("callbacks=ema")
    callbacks = build(cfg.callbacks)
    assert isinstance(callbacks, CallbackSet) and len(callbacks.others) == 8
    loggers = build_each(cfg.logger)
    assert len(loggers) == 2 and all(isinstance(logger, Logger) for logger in loggers)


@pytest.mark.parametrize("hardware", options("hardware"))
def test_every_profile_has_the_same_effective_batch(hardware):
    cfg = composed(f"hardware={hardware}")
    loader, trainer = build(cfg.dataloader), build(cfg.trainer)
    assert isinstance(loader, LoaderOptions) and isinstance(trainer, TrainerOptions)
    assert loader.batch_size * trainer.accumulate_grad_batches == EFFECTIVE_BATCH
    assert trainer.precision in {"32-true", "bf16-mixed", "16-mixed"}
    assert set(cfg.hardware) == {"fit", "meant_for", "mps_memory_fraction", "n_threads"}
    assert not trainer.fit_batch


def test_every_profile_that_can_be_detected_exists():
    found = {name for name, *_ in PROFILES} | {"cpu", "mps", "rtx4090_wsl2"}
    assert found == set(options("hardware"))


def test_settings_of_a_profile_are_those_that_are_applied():
    before = torch.get_num_threads()
    try:
        settings = composed("hardware.n_threads=1").hardware
        apply_settings(
            mps_memory_fraction=settings.mps_memory_fraction, n_threads=settings.n_threads
        )
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_the_batch_is_fitted_where_the_hardware_is_told_to():
    fitted = composed("hardware=rtx3080", "hardware.fit=true")
    assert build(fitted.trainer).fit_batch
    assert fitted.dataloader.batch_size == 8


PROFILE_OPTIONS = {
    "trainer": {"accelerator", "precision", "accumulate_grad_batches", "matmul_precision",
                "benchmark"},
    "dataloader": {"batch_size", "eval_batch_size", "num_workers", "pin_memory",
                   "persistent_workers", "prefetch_factor"},
    "hardware": {"meant_for", "mps_memory_fraction", "n_threads"},
}  # fmt: skip


@pytest.mark.parametrize("hardware", options("hardware"))
def test_a_profile_sets_precision_batch_and_memory_alone(hardware):
    """The same command on another card trains the same network with the same loss."""
    cfg, usual = (
        OmegaConf.to_container(composed(f"hardware={name}"), resolve=True)
        for name in (hardware, "cpu")
    )
    for group, allowed in PROFILE_OPTIONS.items():
        for values in (cfg, usual):
            values[group] = {k: v for k, v in values[group].items() if k not in allowed}
    assert cfg == usual
    file = OmegaConf.load(CONF / "hardware" / f"{hardware}.yaml")
    stated = {group: set(values) for group, values in file.items() if group != "defaults"}
    assert all(keys <= PROFILE_OPTIONS.get(group, set()) for group, keys in stated.items())


def test_the_exact_model_and_its_variant_for_small_cards():
    def interval(*overrides):
        return composed(*overrides).model.semi_dynamic_interval

    assert interval("model=v3", "hardware=rtx3080") == interval("model=v3", "hardware=h200") == 1
    assert interval("model=v3_interval5", "hardware=h200") == 5
    assert interval("model=v3", "model.semi_dynamic_interval=7") == 7


@pytest.mark.parametrize("debug", options("debug"))
def test_every_debug_overlay_composes(debug):
    cfg = composed(f"debug={debug}")
    build(cfg.trainer)
    build(cfg.callbacks)


@pytest.mark.slow
@pytest.mark.parametrize("model", options("model"))
def test_every_profile_takes_a_step_with_every_model(model):
    """Precision and device are the processor's; what the profile says of the network stays."""
    for hardware in options("hardware"):
        cfg = composed(f"model={model}", f"hardware={hardware}")
        network = build(cfg.model)
        eeg = torch.randn(1, 19, 1024)
        optimizer = build(cfg.optimizer)(parameter_groups(network))
        with torch.autocast("cpu", torch.bfloat16, enabled=cfg.trainer.precision != "32-true"):
            logits = network(eeg, torch.ones(1, 19, dtype=torch.bool))
        label = torch.rand(logits.shape) > 0.5
        build(cfg.loss)(logits, label, torch.ones(logits.shape)).backward()
        optimizer.step()
        assert torch.isfinite(logits).all()
