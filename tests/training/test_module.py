from functools import partial
from types import SimpleNamespace

import pytest
import torch

from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.losses import FocalLoss
from brainbrr.training.module import SeizureModule
from brainbrr.training.schedules import warmup_cosine
from tests import tiny_corpus as tiny


class Scaler:
    """A gradient scaler that halves its scale where it left a step out."""

    def __init__(self):
        self.scale = 1024.0

    def get_scale(self):
        return self.scale


class Optimizer(torch.optim.SGD):
    """Steps that the scaler leaves out or not, as written."""

    def __init__(self, groups, scaler, overflows):
        super().__init__(groups, lr=1.0)
        self.scaler, self.overflows = scaler, iter(overflows)

    def step(self, closure=None):
        if next(self.overflows):
            self.scaler.scale /= 2


def learning_rates(overflows, scaler):
    module = SeizureModule(
        tiny.TinyNetwork(),
        FocalLoss(),
        partial(Optimizer, scaler=Scaler() if scaler is None else scaler, overflows=overflows),
        partial(warmup_cosine, warmup_fraction=0.5, final_fraction=0.0),
        n_steps=10,
    )
    module._trainer = SimpleNamespace(precision_plugin=SimpleNamespace(scaler=scaler))
    made = module.configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    rates = []
    for number in range(len(overflows)):
        rates.append(optimizer.param_groups[0]["lr"])
        module.optimizer_step(0, number, optimizer, None)
        module.lr_scheduler_step(schedule, None)
    return rates


def test_a_step_the_gradient_scaler_leaves_out_does_not_advance_the_schedule():
    rates = learning_rates([False, True, True, False, False], Scaler())
    assert rates == pytest.approx([0.2, 0.4, 0.4, 0.4, 0.6])


def test_without_a_scaler_every_step_advances_it():
    rates = learning_rates([True, False, True, False], None)
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_a_step_s_random_numbers_follow_from_its_place_alone():
    module = SeizureModule(tiny.TinyNetwork(), FocalLoss(), None, None, n_steps=1, seed=3)
    module._trainer = SimpleNamespace(current_epoch=2, global_rank=0)
    batch = tiny.batch_of(2)
    first = module.training_step(batch, 5)
    torch.rand(100)
    assert torch.equal(module.training_step(batch, 5), first)
    assert not torch.equal(module.training_step(batch, 6), first)


class NoEigenvectors(tiny.TinyNetwork):
    """Its solver does not converge, as cuSOLVER's does not on what is not finite."""

    def forward(self, eeg, observed=None):
        raise torch.linalg.LinAlgError("failed to converge")


@pytest.mark.parametrize("guard", [True, False])
def test_a_solver_that_fails_on_a_bad_batch_leaves_it_to_the_guard(tmp_path, guard):
    module = SeizureModule(NoEigenvectors(), FocalLoss(), None, None, n_steps=1)
    module._trainer = SimpleNamespace(
        callbacks=[FiniteGuard(tmp_path)] if guard else [], current_epoch=0, global_rank=0
    )
    good = tiny.batch_of(1)
    bad = good._replace(eeg=torch.full(good.eeg.shape, float("nan")))
    if guard:
        assert module.training_step(bad, 0).isnan()
    for batch in [good] if guard else [good, bad]:
        with pytest.raises(torch.linalg.LinAlgError, match="converge"):
            module.training_step(batch, 0)
