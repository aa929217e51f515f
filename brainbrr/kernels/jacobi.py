"""Eigenvectors of many small symmetric matrices by Jacobi rotations, in plain torch operations.

ONNX has no eigen-operator, and some GPU stacks solve tiny matrices very slowly.
The rotations of a round touch disjoint pairs of rows, so that a round is a handful of tensor
operations (Golub and Van Loan, section 8.5). The rows stand in the order in which they meet, and
all move up one place after each round: every round reads and writes whole blocks of memory, and
none looks up an index.

Axes: (row, column, matrix); matrices last, so that a row is one block of memory.
"""

import torch
from torch import Tensor

SPARE_SWEEPS = 2


def sweeps_for(n: int) -> int:
    """Return the passes over all pairs that bring `n x n` matrices to float32 rounding.

    Convergence is quadratic, so the number hardly grows: 4 for 4 x 4, 7 for 19 x 19.
    """
    return max(n - 1, 0).bit_length() + SPARE_SWEEPS


def jacobi_eigh(matrices: Tensor, sweeps: int | None = None) -> tuple[Tensor, Tensor]:
    """Return eigenvalues in ascending order and eigenvectors as columns, like `torch.linalg.eigh`.

    Args:
        matrices: symmetric, `(..., n, n)`.
        sweeps: fixed number of passes over all pairs; no data-dependent stop, so that it can be
            exported. `sweeps_for(n)` when not given.
    """
    n = matrices.shape[-1]
    upright = matrices.reshape(-1, n, n).permute(1, 2, 0)
    identity = torch.eye(n, dtype=matrices.dtype, device=matrices.device)
    # Turned rows are what both need, so the eigenvectors lie next to the matrix, as rows.
    both = torch.cat([upright, identity[..., None].expand_as(upright)], 1)
    n_rounds = n - 1 + n % 2 if n > 1 else 0
    for _ in range((sweeps_for(n) if sweeps is None else sweeps) * n_rounds):
        both = _round(both)
    values, rank = both[:, :n].diagonal().sort(-1)
    vectors = both[:, n:].permute(2, 1, 0).gather(-1, rank[:, None].expand(-1, n, -1))
    return values.reshape(matrices.shape[:-1]), vectors.reshape(matrices.shape)


def _round(both: Tensor) -> Tensor:
    """Annul the entries (k, k + half) of every matrix, and move all rows on to their next partner.

    After n - 1 rounds (n with n odd) every pair has met once and all are back where they began.
    """
    n = both.shape[0]
    half = n // 2
    cosine, sine = _angles(both[:, :n], half)
    upper, lower = _turn(both[:half], both[half : 2 * half], cosine[:, None], sine[:, None])
    rows = torch.cat(_move(upper, lower, both[2 * half :], 0))
    left, right = _turn(rows[:, :half], rows[:, half : 2 * half], cosine, sine)
    columns = _move(left, right, rows[:, 2 * half : n], 1)
    return torch.cat([*columns, rows[:, n:]], 1)


def _angles(matrices: Tensor, half: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of each pair's smaller angle, `(pair, matrix)`."""
    diagonal = matrices.diagonal().mT
    difference = diagonal[half : 2 * half] - diagonal[:half]
    twice_off = 2 * matrices[:half, half : 2 * half].diagonal().mT
    # The tangent, in the form that neither divides by zero nor cancels; if both are zero, no
    # turn. hypot, as squares may underflow.
    denominator = difference.abs() + torch.hypot(difference, twice_off)
    still = denominator == 0
    signed = torch.where(difference < 0, -twice_off, twice_off)
    tangent = signed / denominator.masked_fill(still, 1.0)
    cosine = torch.rsqrt(1 + tangent.square())
    return cosine, tangent * cosine


def _turn(first: Tensor, second: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    return (
        torch.addcmul(cosine * first, sine, second, value=-1),
        torch.addcmul(cosine * second, sine, first),
    )


def _move(first: Tensor, second: Tensor, resting: Tensor, axis: int) -> list[Tensor]:
    """Return the blocks in their next order: in a ring of players one stays and the others go
    round.

    If their number is odd, the one that stays is a gap, whose partner rests.
    """
    half = first.shape[axis]
    if resting.shape[axis]:
        before, last = torch.split(first, [half - 1, 1], axis)
        leading, after = torch.split(second, [1, half - 1], axis)
        return [resting, before, after, last, leading]
    stays, before, last = torch.split(first, [1, max(half - 2, 0), min(half - 1, 1)], axis)
    leading, after = torch.split(second, [1, half - 1], axis)
    return [stays, leading, before, after, last]
