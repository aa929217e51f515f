"""Jacobi's rotations in C: eigenvectors of each matrix, and of no other."""

import pytest
import torch

from brainbrr.kernels.c import operators
from brainbrr.kernels.c.binding import available
from brainbrr.models.laplacian import laplacian_encoding

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")


def symmetric(batch, n):
    torch.manual_seed(n)
    matrices = torch.randn(batch, n, n)
    return matrices + matrices.mT


def graphs(batch, frames, n=19):
    """Sparse weighted graphs, as the edge stream makes them."""
    torch.manual_seed(frames)
    weights = torch.rand(batch, frames, n, n)
    weights = weights + weights.mT
    return torch.where(weights > 1.3, weights, 0.0) * (1 - torch.eye(n))


@pytest.mark.parametrize(("batch", "n"), [(1, 1), (3, 2), (37, 19), (16, 5), (5, 33)])
def test_vectors_are_orthonormal_and_turn_the_matrix_to_its_eigenvalues(batch, n):
    matrices = symmetric(batch, n)
    vectors = operators.eigenvectors(matrices, n).double()
    size = matrices.abs().max()
    turned = vectors.mT @ matrices.double() @ vectors
    values = torch.linalg.eigvalsh(matrices.double())
    assert (vectors.mT @ vectors - torch.eye(n)).abs().max() < 2e-5
    assert (turned - torch.diag_embed(values)).abs().max() < 2e-5 * size


def test_only_the_smoothest_are_given():
    matrices = symmetric(20, 19)
    four, all_of_them = (operators.eigenvectors(matrices, n) for n in (4, 19))
    assert torch.equal(four, all_of_them[..., :4])


def test_a_matrix_is_solved_the_same_in_any_company():
    matrices = symmetric(40, 19)
    matrices[::3] *= 1e-3
    matrices[1::7] = torch.diag_embed(torch.arange(19.0))
    together = operators.eigenvectors(matrices, 16)
    alone = torch.cat([operators.eigenvectors(one[None], 16) for one in matrices])
    assert torch.equal(together, alone)


def test_what_is_not_finite_hurts_its_own_matrix_only():
    matrices = symmetric(20, 19)
    clean = operators.eigenvectors(matrices, 16)
    matrices[4, 2, 3] = matrices[4, 3, 2] = float("nan")
    hurt = operators.eigenvectors(matrices, 16)
    assert not hurt[4].isfinite().all()
    hurt[4] = clean[4]
    assert torch.equal(hurt, clean)


def test_a_matrix_of_zeros_has_the_axes_as_its_vectors():
    vectors = operators.eigenvectors(torch.zeros(2, 5, 5), 5)
    assert torch.equal(vectors, torch.eye(5).expand(2, 5, 5))


def test_encodings_agree_with_lapacks():
    observed = torch.ones(2, 19, dtype=torch.bool)
    observed[1, 5:8] = False
    adjacency = graphs(2, 200) * observed[:, None, :, None] * observed[:, None, None, :]
    ours = laplacian_encoding(adjacency, observed, n_eigenvectors=16)
    theirs = laplacian_encoding(adjacency, observed, n_eigenvectors=16, solver="eigh")
    # Nearly equal eigenvalues leave a vector to rounding: all but a few in a thousand agree.
    apart = (ours - theirs).abs().amax(-2) > 1e-3
    assert apart.float().mean() < 5e-3
