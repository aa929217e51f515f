"""Options of a run: steps counted as Lightning takes them, and less memory for the same numbers."""

import copy
import logging
import math
import os
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning import LightningModule
from torch import nn
from torch.utils.data import DataLoader

from brainbrr.errors import Failed, InvalidOption
from brainbrr.training.trainer_options import (
    EXPECTED_WARNINGS,
    TrainerOptions,
    checkpoint_children,
    prepare_network,
    quiet_lightning,
)


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), nn.Sequential(nn.GELU(), nn.Dropout(0.5)), nn.Linear(8, 1)
    )


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 7), st.integers(1, 5))
def test_steps_are_those_of_a_plain_loop(n_batches, limit, accumulate, n_epochs):
    steps = 0
    for _ in range(n_epochs):
        waiting = 0
        for batch in range(min(n_batches, limit)):
            waiting += 1
            if waiting == accumulate or batch == min(n_batches, limit) - 1:
                steps, waiting = steps + 1, 0
    options = TrainerOptions(
        n_epochs, limit_train_batches=limit, accumulate_grad_batches=accumulate
    )
    assert options.n_steps(n_batches) == steps


@pytest.mark.parametrize(("fraction", "steps"), [(1.0, 20), (0.5, 10), (0.25, 4)])
def test_a_float_limits_batches_as_a_fraction_and_one_means_all(fraction, steps):
    assert TrainerOptions(2, limit_train_batches=fraction).n_steps(10) == steps


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("limit", "accumulate"), [(1.0, 1), (5, 2), (0.5, 3)])
def test_lightning_takes_that_many_steps(tmp_path, limit, accumulate):
    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.network = nn.Linear(2, 1)

        def training_step(self, batch):
            return self.network(batch).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    options = TrainerOptions(
        2, "cpu", limit_train_batches=limit, accumulate_grad_batches=accumulate
    )
    with quiet_lightning():
        trainer = options.trainer(tmp_path, [], [])
        trainer.fit(Module(), DataLoader(torch.zeros(9, 2), batch_size=1))
    assert trainer.global_step == options.n_steps(9)


def test_recomputed_children_give_the_same_loss_gradients_and_names():
    plain, network = small_network(), small_network()
    checkpoint_children(network)
    assert network.state_dict().keys() == plain.state_dict().keys()
    inputs, losses, saved = torch.randn(5, 4), [], []
    for each in (plain, network):
        sizes = []
        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, sizes=sizes: sizes.append(tensor.numel()) or tensor,
            lambda tensor: tensor,
        ):
            loss = each(inputs).square().sum()
        loss.backward()
        losses.append(loss)
        saved.append(sum(sizes))
    assert torch.equal(losses[0], losses[1])
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    assert saved[1] < saved[0]


class Steep(LightningModule):
    """A weight whose gradient is `slope`, one step of size 1 at a time."""

    def __init__(self, slope=100.0):
        super().__init__()
        self.weight, self.slope = nn.Parameter(torch.zeros(1)), slope

    def training_step(self, batch):
        return (self.weight * self.slope).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


def one_step(folder, module, **options):
    with quiet_lightning():
        trainer = TrainerOptions(1, "cpu", log_every_n_steps=1, **options).trainer(folder, [], [])
        trainer.fit(module, DataLoader(torch.zeros(1, 2), batch_size=1))
    return module.weight.item()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("norm", "step"), [(2.0, 2.0), (5.0, 5.0), (0.0, 100.0)])
def test_gradients_are_clipped_to_the_norm_and_zero_is_no_limit(tmp_path, norm, step):
    moved = one_step(tmp_path, Steep(), gradient_clip_norm=norm)
    assert moved == pytest.approx(-step, rel=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_detect_anomaly_names_the_operation_of_a_nan_gradient(tmp_path):
    class Rooted(Steep):
        def training_step(self, batch):
            return (self.weight.sqrt() * 0.0).sum()

    assert math.isnan(one_step(tmp_path, Rooted()))
    with pytest.raises(RuntimeError, match="SqrtBackward0.* returned nan"):
        one_step(tmp_path, Rooted(), detect_anomaly=True)


@pytest.fixture
def torch_settings():
    """Returns torch's global settings to what they were."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark, precision = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = benchmark
    torch.set_float32_matmul_precision(precision)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
    if workspace is not None:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = workspace


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("torch_settings")
@pytest.mark.parametrize("on", [False, True])
def test_cudnn_searches_and_algorithms_are_deterministic_if_asked(tmp_path, on):
    with quiet_lightning():
        TrainerOptions(1, "cpu", benchmark=on).trainer(tmp_path, [], [])
        assert torch.backends.cudnn.benchmark is on
        TrainerOptions(1, "cpu", deterministic=on).trainer(tmp_path, [], [])
    assert torch.are_deterministic_algorithms_enabled() is on


@pytest.mark.usefixtures("torch_settings")
@pytest.mark.parametrize("precision", ["high", "medium", "highest"])
def test_products_have_the_precision_that_is_asked_for(precision):
    prepare_network(small_network(), TrainerOptions(1, matmul_precision=precision))
    assert torch.get_float32_matmul_precision() == precision


def test_a_network_keeps_less_for_the_backward_pass_if_it_checkpoints_gradients():
    sizes = {}
    for option in (False, True):
        network, kept = small_network(), []
        prepare_network(network, TrainerOptions(1, checkpoint_gradients=option))
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, kept=kept: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            network(torch.randn(5, 4))
        sizes[option] = sum(kept)
    assert sizes[True] < sizes[False]


def test_a_watched_network_stops_at_the_first_module_that_is_not_finite():
    network = small_network()
    network[0].weight.data[0, 0] = math.inf
    network(torch.ones(5, 4))
    prepare_network(network, TrainerOptions(1, watch_modules=True))
    with pytest.raises(Failed, match="output of module 0"):
        network(torch.ones(5, 4))


def test_a_precision_that_no_detector_has_is_refused():
    with pytest.raises(InvalidOption, match="precision 32-true or bf16-mixed or 16-mixed; got 64"):
        TrainerOptions(1, precision="64-true")


def test_a_network_is_frozen_by_pattern():
    network = small_network()
    prepare_network(network, TrainerOptions(1, freeze=["0.*"]))
    assert [p.requires_grad for p in network.parameters()] == [False, False, True, True]


def test_a_watched_network_computes_the_same():
    network, inputs = small_network().eval(), torch.randn(5, 4)
    watched = copy.deepcopy(network)
    prepare_network(watched, TrainerOptions(1, watch_modules=True, checkpoint_gradients=True))
    assert torch.equal(watched(inputs), network(inputs))


def test_expected_warnings_are_silent_and_others_are_not():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet_lightning():
            warnings.warn("The number of training batches (3) is small", stacklevel=1)
            warnings.warn("Something else", stacklevel=1)
    assert [str(each.message) for each in caught] == ["Something else"]
    assert logging.getLogger("lightning.pytorch").level == logging.WARNING
    assert len(EXPECTED_WARNINGS) == 4
