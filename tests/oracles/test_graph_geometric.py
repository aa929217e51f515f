"""Dense graph operations against torch_geometric, and the Jacobi eigensolver against LAPACK."""

import pytest
import torch

from brainbrr.kernels.jacobi import jacobi_eigh
from brainbrr.kernels.reference import nearest_neighbours
from brainbrr.models.graph import GeometricConvolution, SSGConv, graph_convolution
from brainbrr.models.laplacian import normalized_laplacian

geometric = pytest.importorskip("torch_geometric.nn")


def draw(n=19, batch=2, frames=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(batch, frames, n, n, generator=generator)
    weights = weights + weights.transpose(-1, -2)
    observed = torch.ones(batch, n, dtype=torch.bool)
    observed[1, 4:7] = False
    return nearest_neighbours(weights, observed, 3), observed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dense_ssgconv_is_torch_geometrics(dtype):
    adjacency = draw()[0].to(dtype).requires_grad_()
    nodes = torch.randn(2, 3, 19, 12, dtype=dtype, requires_grad=True)
    dense = SSGConv(12, 5, alpha=0.05, hops=2).to(dtype)
    theirs = geometric.SSGConv(12, 5, alpha=0.05, K=2).to(dtype)
    theirs.load_state_dict(dense.state_dict())
    sparse = GeometricConvolution(theirs, "edge_weight")
    want, got = sparse(nodes, adjacency), dense(nodes, adjacency)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance)
    upstream = torch.randn_like(want)
    want_grads = torch.autograd.grad(want, (nodes, adjacency), upstream)
    nodes_grad, adjacency_grad = torch.autograd.grad(got, (nodes, adjacency), upstream)
    torch.testing.assert_close(nodes_grad, want_grads[0], rtol=tolerance, atol=tolerance)
    # Theirs takes degrees over columns, ours over rows: a change of an undirected edge is both.
    # The dense form has a gradient where there is no edge, too.
    there = adjacency > 0
    want_edge, got_edge = (g + g.transpose(-1, -2) for g in (want_grads[1], adjacency_grad))
    torch.testing.assert_close(
        got_edge[there], want_edge[there], rtol=tolerance * 10, atol=tolerance * 10
    )


@pytest.mark.parametrize("name", ["SSGConv", "GCNConv", "GATv2Conv"])
def test_convolutions_of_torch_geometric_plug_in(name):
    adjacency = draw()[0].requires_grad_()
    nodes = torch.randn(2, 3, 19, 12)
    layer = graph_convolution(name, 12, 5, alpha=0.05, hops=2)
    out = layer(nodes, adjacency)
    assert out.shape == (2, 3, 19, 5)
    out.square().sum().backward()
    assert adjacency.grad.abs().sum() > 0


def test_normalized_laplacian_is_torch_geometrics():
    from torch_geometric.utils import get_laplacian, to_dense_adj

    adjacency = draw()[0][0, 0]
    index = adjacency.nonzero().T
    edges, weights = get_laplacian(
        index, adjacency[index[0], index[1]], normalization="sym", num_nodes=19
    )
    want = to_dense_adj(edges, edge_attr=weights, max_num_nodes=19)[0]
    torch.testing.assert_close(normalized_laplacian(adjacency), want)


@pytest.mark.parametrize("n", [2, 5, 18, 19])
def test_jacobi_is_eigh(n):
    adjacency, _ = draw(max(n, 8), frames=40)
    matrices = normalized_laplacian(adjacency)[..., :n, :n]
    values, vectors = jacobi_eigh(matrices)
    exact = torch.linalg.eigvalsh(matrices.double())
    assert (values - exact).abs().max() < 1e-5
    rebuilt = vectors @ torch.diag_embed(values) @ vectors.transpose(-1, -2)
    assert (rebuilt - matrices).abs().max() < 1e-5
    identity = torch.eye(n).expand_as(matrices)
    assert (vectors.transpose(-1, -2) @ vectors - identity).abs().max() < 1e-5


def test_jacobi_in_double_precision_is_exact():
    matrices = normalized_laplacian(draw(frames=40)[0].double())
    values, vectors = jacobi_eigh(matrices, sweeps=9)
    assert (values - torch.linalg.eigvalsh(matrices)).abs().max() < 1e-12
    assert (matrices @ vectors - vectors * values[..., None, :]).abs().max() < 1e-11


@pytest.mark.parametrize(
    "matrix",
    [torch.zeros(6, 6), torch.eye(6) * 3, torch.ones(6, 6), torch.diag(torch.arange(6.0) * 1e-20)],
    ids=["zero", "scalar", "rank one", "tiny"],
)
def test_jacobi_on_degenerate_matrices(matrix):
    values, vectors = jacobi_eigh(matrix)
    torch.testing.assert_close(values, torch.linalg.eigvalsh(matrix), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(6), atol=1e-6, rtol=1e-6)
