import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.kernels import ops
from brainbrr.models.laplacian import (
    fix_signs,
    laplacian_encoding,
    repeat_frames,
)

EVERYONE = torch.ones(1, 19, dtype=torch.bool)


def complete_graph():
    """All edges equal: one eigenvalue 18 times over."""
    return (torch.ones(19, 19) - torch.eye(19))[None, None]


def twin_graphs():
    """Two equal rings without a tie: every eigenvalue twice; and one lone electrode."""
    ring = torch.zeros(9, 9)
    for i in range(9):
        ring[i, (i + 1) % 9] = ring[(i + 1) % 9, i] = 1.0
    return torch.block_diag(ring, ring, torch.zeros(1, 1))[None, None]


def random_graph(frames=30):
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(1, frames, 19, 19, generator=generator)
    return (weights + weights.transpose(-1, -2)) * (1 - torch.eye(19))


def encode(adjacency, observed=EVERYONE, **options):
    return laplacian_encoding(adjacency, observed, **{"n_eigenvectors": 16} | options)


@pytest.mark.parametrize("solver", ["eigh", "jacobi"])
@pytest.mark.parametrize("graph", [complete_graph, twin_graphs, random_graph])
def test_rounding_of_the_weights_does_not_move_the_encoding(graph, solver):
    adjacency = graph()
    noise = 1 + 1e-7 * torch.randn(adjacency.shape, generator=torch.Generator().manual_seed(1))
    noisy = adjacency * (noise + noise.transpose(-1, -2)) / 2
    moved = (encode(adjacency, solver=solver) - encode(noisy, solver=solver)).abs()
    assert moved.max() < 0.05


def test_without_the_tie_break_equal_eigenvalues_would_be_arbitrary():
    adjacency = complete_graph()
    noise = 1 + 1e-7 * torch.randn(adjacency.shape, generator=torch.Generator().manual_seed(1))
    noisy = adjacency * (noise + noise.transpose(-1, -2)) / 2
    moved = encode(adjacency, tie_break=0.0) - encode(noisy, tie_break=0.0)
    assert moved.abs().max() > 0.3


@pytest.mark.parametrize("graph", [complete_graph, twin_graphs, random_graph])
def test_both_solvers_agree(graph):
    adjacency = graph()
    torch.testing.assert_close(
        encode(adjacency), encode(adjacency, solver="jacobi"), atol=0.05, rtol=0
    )


def test_patterns_are_orthonormal_smoothest_first():
    adjacency = random_graph()
    patterns = encode(adjacency, tie_break=0.0)
    gram = patterns.transpose(-1, -2) @ patterns
    torch.testing.assert_close(gram, torch.eye(16).expand_as(gram), atol=1e-5, rtol=0)
    scale = adjacency.sum(-1).rsqrt()
    smoothed = scale[..., :, None] * adjacency * scale[..., None, :] @ patterns
    roughness = 1 - (patterns * smoothed).sum(-2)
    assert (roughness.diff(dim=-1) > -1e-5).all()


@pytest.mark.parametrize("solver", ["eigh", "jacobi"])
def test_absent_electrodes_are_zero_and_disturb_no_other(solver):
    adjacency = random_graph()
    observed = EVERYONE.clone()
    observed[0, [3, 11, 17, 18]] = False
    there = observed[0].nonzero().flatten()
    adjacency = adjacency * observed[0][:, None] * observed[0]
    encoding = encode(adjacency, observed, solver=solver, tie_break=0.0)
    assert (encoding[:, :, ~observed[0]] == 0).all()
    assert (encoding[..., 15:] == 0).all()
    alone = laplacian_encoding(
        adjacency[..., there[:, None], there],
        torch.ones(1, 15, dtype=torch.bool),
        n_eigenvectors=15,
        solver=solver,
        tie_break=0.0,
    )
    torch.testing.assert_close(encoding[:, :, there, :15], alone, atol=2e-3, rtol=0)


def test_the_encoding_carries_no_gradient():
    assert not encode(random_graph().requires_grad_()).requires_grad


def test_the_sign_does_not_hang_on_a_sum_near_zero():
    pattern = torch.tensor([0.5, -0.5, 0.5, -0.5])
    for nudge in (-1e-6, 1e-6):
        nudged = (pattern + nudge)[:, None]
        assert fix_signs(nudged)[0, 0] > 0
        assert torch.equal(fix_signs(nudged), fix_signs(-nudged))


def test_held_until_the_next_solution():
    values = torch.arange(3.0)[None, :, None]
    assert repeat_frames(values, 4, 10).flatten().tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert repeat_frames(values, 1, 3) is values


def test_unknown_solver_is_refused():
    with pytest.raises(InvalidOption, match="auto, eigh, jacobi; got 'qr'"):
        ops.select_eigensolver("qr")
