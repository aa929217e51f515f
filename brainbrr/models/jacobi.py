"""Eigenvectors of many small symmetric matrices by Jacobi rotations, in plain torch operations.

ONNX has no eigen-operator and some GPU stacks solve tiny matrices very slowly; this needs neither.
The rotations of a round touch disjoint pairs of rows, so that a round is a handful of tensor
operations (Golub and Van Loan, section 8.5).
"""

from functools import cache

import torch
from torch import Tensor

SWEEPS = 7
"""Convergence is quadratic: seven sweeps bring 19 x 19 matrices to float32 rounding."""


def jacobi_eigh(matrices: Tensor, sweeps: int = SWEEPS) -> tuple[Tensor, Tensor]:
    """Eigenvalues in ascending order and eigenvectors as columns, like `torch.linalg.eigh`.

    Args:
        matrices: symmetric, `(..., n, n)`.
        sweeps: fixed number of passes over all pairs; no data-dependent stop, so that it can be
            exported.
    """
    n = matrices.shape[-1]
    vectors = torch.eye(n, dtype=matrices.dtype, device=matrices.device).expand_as(matrices)
    for _ in range(sweeps):
        for low, high, order in _rounds(n):
            matrices, vectors = _rotate(matrices, vectors, low, high, order)
    values, rank = matrices.diagonal(dim1=-2, dim2=-1).sort(-1)
    return values, vectors.gather(-1, rank[..., None, :].expand_as(vectors))


def _rotate(
    matrices: Tensor, vectors: Tensor, low: list[int], high: list[int], order: list[int]
) -> tuple[Tensor, Tensor]:
    """Annul the entries (low, high) of every matrix at once."""
    diagonal = matrices.diagonal(dim1=-2, dim2=-1)
    difference = diagonal[..., high] - diagonal[..., low]
    off = matrices[..., low, high]
    # tan of the smaller angle, in the form that neither divides by zero nor cancels; where both are
    # zero, no turn. Scaled by the larger of the two so that squares cannot underflow.
    length = torch.hypot(difference, 2 * off)
    sign = torch.where(difference < 0, -1.0, 1.0)
    denominator = difference.abs() + length
    still = denominator == 0
    tangent = torch.where(still, 0.0, 2 * off * sign / torch.where(still, 1.0, denominator))
    cosine = torch.rsqrt(1 + tangent.square())
    sine = tangent * cosine
    matrices = _turn_columns(matrices, cosine, sine, low, high, order).transpose(-1, -2)
    matrices = _turn_columns(matrices, cosine, sine, low, high, order).transpose(-1, -2)
    return matrices, _turn_columns(vectors, cosine, sine, low, high, order)


def _turn_columns(
    matrices: Tensor,
    cosine: Tensor,
    sine: Tensor,
    low: list[int],
    high: list[int],
    order: list[int],
) -> Tensor:
    first, second = matrices[..., low], matrices[..., high]
    cosine, sine = cosine[..., None, :], sine[..., None, :]
    turned = [cosine * first - sine * second, sine * first + cosine * second]
    resting = order[2 * len(low) :]
    parts = torch.cat([*turned, matrices[..., resting]] if resting else turned, -1)
    return parts[..., _inverse(order)]


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)


@cache
def _rounds(n: int) -> list[tuple[list[int], list[int], list[int]]]:
    """A round-robin tournament: every pair once, disjoint pairs within a round; with n odd one row
    rests."""
    players = [*range(n), *([-1] if n % 2 else [])]
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        met = [tuple(sorted(pair)) for pair in pairs if -1 not in pair]
        low, high = [pair[0] for pair in met], [pair[1] for pair in met]
        resting = [row for row in range(n) if row not in low and row not in high]
        rounds.append((low, high, [*low, *high, *resting]))
        players = [players[0], players[-1], *players[1:-1]]
    return rounds
