"""Options of a run: steps counted as Lightning takes them, and less memory for the same numbers."""

import copy
import logging
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from brainbrr.errors import InvalidOption
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
    from lightning import LightningModule

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
