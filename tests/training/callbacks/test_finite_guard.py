import json
import logging

import pytest
import torch
from lightning import Callback

from brainbrr.data.windows.augmentation import microvolts
from brainbrr.errors import Failed, InvalidOption
from brainbrr.inference.rollout import NonFiniteOutput
from brainbrr.models.input_checks import NonFiniteInput, check_input
from brainbrr.models.mamba2 import BiMamba2
from brainbrr.models.sequence import ResidualBiMamba2
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.finite_guard import (
    FiniteGuard,
    first_non_finite,
    gradient_norm,
    stop_at_non_finite,
)
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny


class Poison:
    """Puts a NaN into the EEG of the given batches."""

    def __init__(self, *numbers):
        self.numbers, self.seen = numbers, 0

    def __call__(self, batch, generator):
        self.seen += 1
        if self.seen not in self.numbers:
            return batch
        eeg = microvolts(batch.eeg).clone()
        eeg[0, 0, 0] = float("nan")
        return batch._replace(eeg=eeg)


class WeightsBefore(Callback):
    """Keeps all weights and statistics as they were before each step."""

    def __init__(self):
        self.seen = []

    def on_train_batch_start(self, trainer, pl_module, *_):
        self.seen.append({k: v.clone() for k, v in pl_module.network.state_dict().items()})


class InfiniteGradient(Callback):
    """A hook on a weight that gives an infinite gradient at one step."""

    def __init__(self, step):
        self.step = step

    def on_train_start(self, trainer, pl_module):
        pl_module.network.head.weight.register_hook(
            lambda grad: grad * (float("inf") if trainer.global_step == self.step else 1.0)
        )


class BatchNormed(tiny.TinyNetwork):
    """Statistics that a forward pass changes, bad batch or not."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(4)


def run(folder, rows, cache, guard, *, poison=(), extra=(), **changes):
    network = BatchNormed()
    before = WeightsBefore()
    callbacks = tiny.callback_set(folder, None, finite_guard=guard, extra=[before, *extra])
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=8)
    tiny.run(
        folder, rows, cache, network=network, callbacks=callbacks, augmentation=Poison(*poison),
        **({"trainer": options} | changes),
    )  # fmt: skip
    return network, before


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_poisoned_batch_ends_the_run_with_the_weights_untouched(tmp_path, rows, cache):
    guard = FiniteGuard(tmp_path / "guard")
    before = WeightsBefore()
    callbacks = tiny.callback_set(tmp_path, None, finite_guard=guard, extra=[before])
    network = BatchNormed()
    with pytest.raises(Failed, match="loss .*nan.* at step 4, first in input"):
        tiny.run(
            tmp_path, rows, cache, network=network, callbacks=callbacks, augmentation=Poison(5)
        )
    assert same(network.state_dict(), before.seen[4])
    assert not same(before.seen[4], before.seen[3])
    (report,) = (tmp_path / "guard").glob("*.json")
    facts = json.loads(report.read_text())
    assert facts["step"] == 4 and facts["losses"] == ["nan"]
    assert len(facts["windows"]) == 4 and facts["windows"][0]["recording"].startswith("sub-")
    (evidence,) = torch.load(report.with_suffix(".pt"), weights_only=True)
    assert evidence[0].shape == (4, 19, 256)


class WithDoor(tiny.TinyNetwork):
    """Refuses EEG that is no number before it computes, as the detectors do."""

    def forward(self, eeg, observed=None):
        return super().forward(eeg, check_input(eeg, observed, 19, 16))


def test_a_network_that_refuses_the_batch_itself_is_guarded_alike(tmp_path, rows, cache):
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=8)

    def run(name, guard):
        before = WeightsBefore()
        callbacks = tiny.callback_set(tmp_path / name, None, finite_guard=guard, extra=[before])
        tiny.run(
            tmp_path / name, rows, cache, network=WithDoor(), callbacks=callbacks,
            augmentation=Poison(5), trainer=options,
        )  # fmt: skip
        return before

    with pytest.raises(Failed, match="loss .*nan.* at step 4, first in input"):
        run("raise", FiniteGuard(tmp_path / "guard"))
    assert list((tmp_path / "guard").glob("*.pt"))
    before = run("skip", FiniteGuard(tmp_path / "other", policy="skip"))
    assert same(before.seen[4], before.seen[5]) and not same(before.seen[5], before.seen[6])
    with pytest.raises(NonFiniteInput, match="NaN or infinity in windows"):
        run("unguarded", None)


def test_skipping_leaves_the_step_out_and_goes_on(tmp_path, rows, cache, caplog):
    guard = FiniteGuard(tmp_path / "guard", policy="skip")
    with caplog.at_level(logging.WARNING):
        _, before = run(tmp_path, rows, cache, guard, poison=(5,))
    assert same(before.seen[4], before.seen[5]) and not same(before.seen[5], before.seen[6])
    assert guard.n_skipped == 1 and "Step 4 skipped" in caplog.text
    optimizer = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["optimizer_states"][0]
    assert {int(state["step"]) for state in optimizer["state"].values()} == {7}


def test_skipping_has_an_end(tmp_path, rows, cache):
    guard = FiniteGuard(tmp_path / "guard", policy="skip", max_in_a_row=2)
    with pytest.raises(Failed, match="at step 2"):
        run(tmp_path, rows, cache, guard, poison=(2, 3, 4))
    assert guard.n_skipped == 2


def test_an_infinite_gradient_is_stopped_before_clipping_spreads_it(tmp_path, rows, cache):
    guard = FiniteGuard(tmp_path / "guard")
    with pytest.raises(Failed, match="gradient norm (inf|nan) at step 2.*head.weight"):
        run(tmp_path, rows, cache, guard, extra=[InfiniteGradient(2)])


def test_one_bad_batch_among_accumulated_ones_is_enough(tmp_path, rows, cache):
    guard = FiniteGuard(tmp_path / "guard", policy="skip")
    options = TrainerOptions(
        max_epochs=1, accelerator="cpu", limit_train_batches=8, accumulate_grad_batches=2
    )
    _, before = run(tmp_path, rows, cache, guard, poison=(3,), trainer=options)
    weights = [{"w": seen["mix.weight"]} for seen in before.seen]
    assert same(weights[2], weights[4]) and not same(weights[4], weights[6])
    assert len(torch.load(next((tmp_path / "guard").glob("*.pt")), weights_only=True)) == 2


def test_without_the_guard_the_same_batch_destroys_the_network(tmp_path, rows, cache):
    with pytest.raises(NonFiniteOutput, match="NaN or infinity in sub-03, the window at"):
        run(tmp_path, rows, cache, None, poison=(5,))


def test_the_first_module_that_fails_is_named():
    network = tiny.TinyNetwork()
    batch = tiny.batch_of(2)
    assert first_non_finite(network, [batch]) == "not reproduced by a second pass"
    with torch.no_grad():
        network.norm.weight[0] = float("nan")
    assert first_non_finite(network, [batch]) == "norm"
    eeg = microvolts(batch.eeg)
    eeg[0, 0, 0] = float("inf")
    assert first_non_finite(network, [batch, batch._replace(eeg=eeg * 0)]) == "norm"
    stop_at_non_finite(network)
    with pytest.raises(Failed, match="non-finite output of module norm"):
        network(torch.zeros(1, 19, 256))


@pytest.mark.parametrize("scan", ["chunked", "reference"])
@pytest.mark.parametrize("part", ["norm", "layer.forwards", "layer.backwards"])
def test_in_an_unfused_form_the_part_of_a_residual_layer_is_named(scan, part):
    layer = ResidualBiMamba2(16, BiMamba2(16, d_state=4, headdim=4, scan=scan), dropout=0.1)
    network = torch.nn.ModuleDict({"stream": layer})
    weight = next(network.get_submodule(f"stream.{part}").parameters())
    with torch.no_grad():
        weight.fill_(float("nan"))
    stop_at_non_finite(network)
    with pytest.raises(Failed, match=f"non-finite output of module stream.{part}\\."):
        layer(torch.randn(2, 9, 16))


def test_gradient_norm_is_that_of_all_gradients_together():
    network = tiny.TinyNetwork()
    assert gradient_norm(network) == 0
    network(torch.randn(1, 19, 256)).sum().backward()
    flat = torch.cat([p.grad.flatten() for p in network.parameters()])
    assert torch.allclose(gradient_norm(network), flat.norm())


def test_an_unknown_policy_is_refused(tmp_path):
    with pytest.raises(InvalidOption, match="policy raise or skip"):
        FiniteGuard(tmp_path, policy="ignore")
