"""The Jacobi solver's own promises; `tests/oracles` holds it against LAPACK."""

import pytest
import torch

from brainbrr.kernels.jacobi import jacobi_eigh, sweeps_for
from brainbrr.kernels.tracing import TELLS_EXPORT
from brainbrr.models.laplacian import TIE_BREAK, normalized_laplacian

SIZES = [2, 3, 4, 5, 8, 16, 19]


def rest(matrices, sweeps=None):
    """What is left beside the diagonal, in parts of the largest eigenvalue."""
    _, vectors = jacobi_eigh(matrices, sweeps)
    turned = vectors.mT @ matrices @ vectors
    size = turned.diagonal(dim1=-2, dim2=-1)
    return ((turned - torch.diag_embed(size)).abs().max() / size.abs().max()).item()


def draw(n, count=200):
    matrices = torch.randn(count, n, n, generator=torch.Generator().manual_seed(n))
    return matrices + matrices.mT


@pytest.mark.parametrize("n", SIZES)
def test_the_sweeps_for_a_size_reach_rounding_and_two_fewer_do_not(n):
    matrices = draw(n)
    assert rest(matrices) < 3e-6
    assert n < 4 or rest(matrices, sweeps_for(n) - 2) > 3e-5


def test_graphs_with_nearly_equal_eigenvalues_need_no_more_sweeps():
    adjacency = (torch.rand(200, 19, 19, generator=torch.Generator().manual_seed(0)) > 0.8).float()
    adjacency = torch.maximum(adjacency, adjacency.mT) * (1 - torch.eye(19))
    adjacency[:50] = 1 - torch.eye(19)
    order = torch.arange(1, 20) * 0.618034 % 1.0
    assert rest(normalized_laplacian(adjacency) + torch.diag(TIE_BREAK * order)) < 3e-6


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8])
def test_each_matrix_is_solved_by_itself_whatever_the_leading_axes(n):
    matrices = draw(n, count=6)
    values, vectors = jacobi_eigh(matrices.reshape(2, 3, n, n))
    assert values.shape == (2, 3, n)
    for index, matrix in enumerate(matrices):
        alone = jacobi_eigh(matrix)
        torch.testing.assert_close(values.flatten(0, 1)[index], alone[0])
        torch.testing.assert_close(vectors.flatten(0, 1)[index], alone[1])


@pytest.mark.parametrize("n", [2, 3, 8, 9])
def test_every_pair_of_rows_meets_once_in_a_sweep(n):
    # A pair that never meets keeps its entry: a block of two among zeros stays as it is.
    for row in range(n):
        for column in range(row):
            matrix = torch.zeros(n, n)
            matrix[row, column] = matrix[column, row] = 1.0
            values, _ = jacobi_eigh(matrix, sweeps=1)
            torch.testing.assert_close(values[[0, -1]], torch.tensor([-1.0, 1.0]))


class Solver(torch.nn.Module):
    def forward(self, matrices):
        return jacobi_eigh(matrices, sweeps=1)


@pytest.mark.skipif(not TELLS_EXPORT, reason="torch.export of an old torch has other names")
@pytest.mark.parametrize("n", [4, 5])
def test_it_can_be_written_down_as_a_graph_for_any_number_of_matrices(n):
    open_batch = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(Solver(), (draw(n, count=3),), dynamic_shapes=open_batch)
    matrices = draw(n, count=7)
    for one, other in zip(program.module()(matrices), Solver()(matrices), strict=True):
        torch.testing.assert_close(one, other)
