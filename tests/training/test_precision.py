"""Reduced precision on the processor: what a GPU profile does, with the device replaced."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from lightning import Callback
from lightning.pytorch.plugins.precision import MixedPrecision

from brainbrr.errors import Failed
from brainbrr.training.callbacks import finite_guard
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.ema import Ema
from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny

needs_scaler = pytest.mark.skipif(
    not hasattr(torch.amp, "GradScaler"), reason="this torch has no gradient scaler for processors"
)
EIGHT_STEPS = {"max_epochs": 1, "accelerator": "cpu", "limit_train_batches": 8}


@dataclass(frozen=True)
class Half(TrainerOptions):
    """`16-mixed` with a real gradient scaler, which Lightning itself only gives to CUDA."""

    first_scale: float = 65536.0

    def trainer(self, run_dir, callbacks, loggers):
        trainer = super().trainer(run_dir, callbacks, loggers)
        scaler = torch.amp.GradScaler("cpu", init_scale=self.first_scale, growth_interval=3)
        trainer.strategy.precision_plugin = MixedPrecision("16-mixed", "cpu", scaler)
        return trainer


class Steps(Callback):
    """Learning rate, weights and precision of each step."""

    def __init__(self):
        self.rates, self.weights, self.stepped, self.dtypes = [], [], [], set()

    def on_train_start(self, trainer, pl_module):
        pl_module.network.mix.register_forward_hook(
            lambda _, __, output: self.dtypes.add(output.dtype)
        )

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.weights.append(pl_module.network.head.weight.detach().clone())
        self.stepped.append(pl_module.stepped)


class Overflow(Callback):
    """Makes the gradient infinite at some steps."""

    def __init__(self, steps):
        self.steps = steps

    def on_train_start(self, trainer, pl_module):
        pl_module.network.head.weight.register_hook(
            lambda grad: grad * (float("inf") if trainer.global_step in self.steps else 1.0)
        )


def run(folder, rows, cache, options, *extra, resume=False, guard=None):
    callbacks = tiny.callback_set(folder, None, finite_guard=guard, ema=Ema(0.9), extra=extra)
    return tiny.run(folder, rows, cache, callbacks=callbacks, trainer=options, resume=resume)


def test_bfloat16_takes_the_steps_of_float32_but_for_its_rounding(tmp_path, rows, cache):
    moved = {}
    for precision in ("32-true", "bf16-mixed"):
        steps = Steps()
        options = TrainerOptions(
            max_epochs=1, accelerator="cpu", limit_train_batches=3, precision=precision
        )
        run(tmp_path / precision, rows, cache, options, steps)
        moved[precision] = steps.weights[-1] - steps.weights[0]
    assert steps.dtypes == {torch.bfloat16} and steps.weights[-1].dtype == torch.float32
    one, other = (each.flatten() for each in moved.values())
    assert torch.cosine_similarity(one, other, dim=0) > 0.98 and not one.equal(other)


@needs_scaler
def test_steps_the_scaler_leaves_out_change_no_weight_average_or_schedule(tmp_path, rows, cache):
    steps, guard = Steps(), FiniteGuard(tmp_path / "guard")
    run(tmp_path, rows, cache, Half(**EIGHT_STEPS), Overflow({2, 3}), steps, guard=guard)
    assert steps.dtypes == {torch.float16}
    assert steps.stepped == [True, True, False, False, True, True, True, True]
    kept = [one.equal(other) for one, other in pairwise(steps.weights)]
    assert kept == [False, True, True, False, False, False, False]
    assert steps.rates[2] == steps.rates[3] == steps.rates[4] != steps.rates[5]
    last = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    assert last["lr_schedulers"][0]["last_epoch"] == 6
    assert last["callbacks"]["Ema"]["n_updates"] == 6
    # Halved twice; doubled after three good steps in a row.
    assert last["MixedPrecision"]["scale"] == 65536 / 4 * 2
    assert guard.n_skipped == 0 and not (tmp_path / "guard").exists()


@needs_scaler
def test_a_resumed_run_goes_on_with_its_scaler(tmp_path, rows, cache):
    class Stop(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.global_step == 5:
                raise InterruptedError

    torch.manual_seed(0)
    options, overflow = Half(**EIGHT_STEPS), Overflow({1})
    run(tmp_path / "whole", rows, cache, options, overflow)
    with pytest.raises(InterruptedError):
        run(tmp_path / "stopped", rows, cache, options, overflow, Stop())
    # The scale comes from the checkpoint, not from here.
    run(tmp_path / "stopped", rows, cache, replace(options, first_scale=8.0), resume=True)
    whole, resumed = (
        read_checkpoint(tmp_path / name / "checkpoints" / "last.ckpt")
        for name in ("whole", "stopped")
    )
    assert resumed["MixedPrecision"] == whole["MixedPrecision"]
    for name, value in whole["state_dict"].items():
        assert value.equal(resumed["state_dict"][name]), name


@needs_scaler
def test_a_scaler_that_leaves_out_every_step_ends_the_run(tmp_path, rows, cache, monkeypatch):
    monkeypatch.setattr(finite_guard, "MAX_OVERFLOWS", 4)
    guard, steps = FiniteGuard(tmp_path / "guard"), Steps()
    with pytest.raises(Failed, match=r"at step 6, first in .*32-true"):
        run(tmp_path, rows, cache, Half(**EIGHT_STEPS), Overflow(range(2, 9)), steps, guard=guard)
    assert steps.stepped == [True, True, False, False, False]
    assert list((tmp_path / "guard").glob("*.json"))


@needs_scaler
def test_a_loss_that_is_no_number_is_refused_under_a_scaler_too(tmp_path, rows, cache):
    class Poison(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.global_step == 3:
                batch.weight[0, 0] = float("nan")

    guard = FiniteGuard(tmp_path / "guard")
    with pytest.raises(Failed, match="loss .*nan.* at step 3, first in gradient of"):
        run(tmp_path, rows, cache, Half(**EIGHT_STEPS), Poison(), guard=guard)
