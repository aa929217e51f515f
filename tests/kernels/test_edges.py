import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.kernels.reference import matrices_of, nearest_neighbours, pairs_of


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 25), data=st.data())
def test_an_edge_stays_whole_if_either_end_chose_it(seed, k, data):
    n = 7
    observed = torch.tensor([data.draw(st.lists(st.booleans(), min_size=n, max_size=n))])
    weights = torch.rand(1, 2, n, n, generator=torch.Generator().manual_seed(seed)) + 0.1
    weights = weights + weights.transpose(-1, -2)
    adjacency = nearest_neighbours(weights, observed, k)
    for frame in range(2):
        for i in range(n):
            for j in range(n):
                others = [
                    sorted(
                        (c for c in range(n) if c != a and observed[0, c]),
                        key=lambda c: -float(weights[0, frame, a, c]),
                    )[:k]
                    for a in (i, j)
                ]
                chosen = i != j and observed[0, i] and observed[0, j]
                chosen = chosen and (j in others[0] or i in others[1])
                want = float(weights[0, frame, i, j]) if chosen else 0.0
                assert float(adjacency[0, frame, i, j]) == want


def test_the_gradient_reaches_kept_edges_only():
    weights = (torch.rand(1, 1, 19, 19) + 0.1).requires_grad_()
    adjacency = nearest_neighbours(weights, torch.ones(1, 19, dtype=torch.bool), 3)
    adjacency.sum().backward()
    assert torch.equal(weights.grad != 0, adjacency.detach() != 0)


def test_pairs_and_matrices_are_inverse():
    pairs = torch.rand(2, 171, 5)
    matrices = matrices_of(pairs, 19)
    assert torch.equal(pairs_of(matrices), pairs)
    assert torch.equal(matrices, matrices.transpose(-1, -2))
    assert (matrices.diagonal(dim1=-2, dim2=-1) == 0).all()
