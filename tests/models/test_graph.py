"""Graph convolutions that would starve the edge stream."""

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.models.graph import (
    ElectrodeGraph,
    SSGConv,
    graph_convolution,
    normalized_adjacency,
)


@pytest.mark.parametrize(
    ("name", "message"),
    [("NoConv", "got 'NoConv'"), ("SAGEConv", "uses edge weights; got SAGEConv")],
)
@pytest.mark.usefixtures("geometric")
def test_a_graph_convolution_that_would_starve_the_edges_is_refused(name, message):
    with pytest.raises(InvalidOption, match=message):
        graph_convolution(name, 4, 4, alpha=0.05, hops=2)


def graph_of(n=5, frames=3):
    weights = torch.rand(1, frames, n, n, dtype=torch.float64)
    return weights + weights.transpose(-1, -2)


def test_normalized_adjacency_is_the_textbooks():
    adjacency = graph_of()
    looped = adjacency[0, 0] + torch.eye(5, dtype=torch.float64)
    root = torch.diag(looped.sum(1) ** -0.5)
    torch.testing.assert_close(normalized_adjacency(adjacency)[0, 0], root @ looped @ root)


@pytest.mark.parametrize("hops", [1, 2, 4])
def test_the_hops_as_one_matrix_equal_the_hops_one_by_one(hops):
    layer = SSGConv(4, 6, alpha=0.2, hops=hops).double()
    nodes, adjacency = torch.randn(1, 3, 5, 4, dtype=torch.float64), graph_of()
    step = normalized_adjacency(adjacency)
    message, total = nodes, torch.zeros_like(nodes)
    for _ in range(hops):
        message = step @ message
        total = total + (1 - 0.2) / hops * message
    torch.testing.assert_close(layer(nodes, adjacency), layer.lin(total + 0.2 * nodes))


def test_an_electrode_without_edges_keeps_its_own_features():
    layer = SSGConv(4, 4, alpha=0.2, hops=3).double()
    nodes, adjacency = torch.randn(1, 3, 5, 4, dtype=torch.float64), graph_of()
    adjacency[..., 2, :] = adjacency[..., :, 2] = 0.0
    torch.testing.assert_close(layer(nodes, adjacency)[..., 2, :], layer.lin(nodes[..., 2, :]))


def test_the_order_of_electrodes_does_not_matter():
    torch.manual_seed(0)
    graph = ElectrodeGraph(
        4, 2, layers=2, convolution="ssg", alpha=0.1, hops=2, dropout=0.0
    ).double()
    nodes, adjacency = torch.randn(1, 3, 5, 4, dtype=torch.float64), graph_of()
    position = torch.randn(1, 3, 5, 2, dtype=torch.float64)
    order = torch.tensor([3, 1, 4, 0, 2])
    mixed = graph(nodes[:, :, order], adjacency[:, :, order][..., order], position[:, :, order])
    torch.testing.assert_close(mixed, graph(nodes, adjacency, position)[:, :, order])
    assert not torch.allclose(
        graph(nodes, adjacency, 2 * position), graph(nodes, adjacency, position)
    )
