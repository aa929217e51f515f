"""Dropout in C: torch's chances, one mask both ways, decided by torch's generator."""

import pytest
import torch

from brainbrr.kernels.c.binding import available
from brainbrr.models.layers import Dropout

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")


@pytest.mark.parametrize("n_values", [1, 15, 4096, 4097, 300_001])
def test_what_is_kept_is_scaled_and_the_gradient_takes_the_same_way(n_values):
    values = torch.ones(n_values, requires_grad=True)
    dropped = Dropout(0.25)(values)
    kept = dropped[dropped != 0]
    assert torch.equal(kept, torch.full_like(kept, 4 / 3))
    dropped.backward(2 * torch.ones(n_values))
    assert torch.equal(values.grad, 2 * dropped.detach())


def test_the_share_that_is_dropped_is_the_asked_one_everywhere():
    kept = Dropout(0.15)(torch.ones(512, 4096)) > 0
    assert kept.float().mean() == pytest.approx(0.85, abs=1e-3)
    assert kept.float().mean(0).min() > 0.76
    assert kept.float().mean(1).min() > 0.82
    # Neighbours in a row, and rows one below the other, know nothing of each other.
    for one, other in ((kept[:, 1:], kept[:, :-1]), (kept[1:], kept[:-1])):
        assert (one & other).float().mean() == pytest.approx(0.85**2, abs=2e-3)


def test_a_gradient_that_lies_otherwise_in_memory_meets_the_same_mask():
    values = torch.randn(3, 70, 50, requires_grad=True)
    dropped = Dropout(0.5)(values)
    weight = torch.randn(3, 50, 70).transpose(1, 2)
    (grad,) = torch.autograd.grad((dropped * weight).sum(), values)
    assert torch.equal(grad, weight * (dropped.detach() != 0) * 2)


def test_the_seed_and_nothing_else_decides():
    values, layer, masks = torch.ones(10_000), Dropout(0.5), []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            masks.append(layer(values))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*masks)
    assert not torch.equal(layer(values), masks[0])


def test_evaluation_and_a_chance_of_zero_leave_values_alone():
    values = torch.randn(100)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)


def test_other_types_go_through_torch():
    dropped = Dropout(0.5)(torch.ones(1000, dtype=torch.float64))
    assert dropped.dtype == torch.float64
    assert set(dropped.tolist()) == {0.0, 2.0}


def test_second_derivatives_pass():
    values = torch.ones(10, requires_grad=True)
    dropped = Dropout(0.5)(values)
    (grad,) = torch.autograd.grad(dropped.square().sum(), values, create_graph=True)
    (second,) = torch.autograd.grad(grad.sum(), values)
    assert torch.equal(second, 2 * dropped.detach() * 2 * (dropped.detach() != 0))
