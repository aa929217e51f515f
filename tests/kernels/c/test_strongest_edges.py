"""The strongest edges in C are those that torch chooses."""

import pytest
import torch

from brainbrr.kernels.c import binding, operators
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.reference import matrices_of, nearest_neighbours
from brainbrr.models.registry import load_model

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")


def draw(batch, nodes, frames):
    torch.manual_seed(nodes + frames)
    weights = torch.rand(batch, nodes * (nodes - 1) // 2, frames) + 0.1
    return weights, torch.rand(batch, nodes) > 0.2


@pytest.mark.parametrize("n_neighbours", [1, 3, 40])
@pytest.mark.parametrize("shape", [(2, 19, 77), (1, 4, 16), (3, 32, 5), (1, 2, 1)])
def test_the_same_edges_as_torchs(shape, n_neighbours):
    weights, observed = draw(*shape)
    kept = torch.where(operators.strongest_edges(weights, observed, n_neighbours), weights, 0.0)
    ours = matrices_of(kept, shape[1])
    theirs = nearest_neighbours(matrices_of(weights, shape[1]), observed, n_neighbours)
    assert torch.equal(ours, theirs)


def test_each_chooses_as_many_even_where_all_are_equal():
    weights, observed = torch.ones(1, 171, 3), torch.ones(1, 19, dtype=torch.bool)
    kept = matrices_of(operators.strongest_edges(weights, observed, 3).float(), 19)
    # Of equals the first: nodes 0, 1, 2 for all, and 3 for each of those.
    degree = kept[0].sum(-1)
    assert torch.equal(degree, torch.tensor([18.0] * 3 + [3.0] * 16).expand(3, 19))


def test_what_is_not_a_number_is_kept_where_it_shows():
    weights, observed = draw(1, 19, 20)
    observed[:] = True
    weights[0, 5, 7] = float("nan")
    assert operators.strongest_edges(weights, observed, 3)[0, 5, 7]


def test_gradients_reach_kept_edges_only(monkeypatch):
    torch.manual_seed(0)
    model = load_model("v3_tiny").train(False)
    eeg = torch.randn(2, 19, 2560)
    gradients = []
    for native in (True, False):
        if not native:
            monkeypatch.setattr(binding, "available", lambda: False)
        model.zero_grad()
        model(eeg).square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.edges.parameters()]))
    assert gradients[0].abs().max() > 0
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-9)
