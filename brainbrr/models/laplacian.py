"""Laplacian positional encoding: where each electrode sits in the graph of the moment.

Axes: adjacency (..., electrodes, electrodes), encoding (..., electrodes, n_eigenvectors).
"""

import torch
from torch import Tensor

from brainbrr.kernels import ops
from brainbrr.kernels.precision import full_precision

RIDGE = 1e-5
TIE_BREAK = 1e-3
"""Spread of a fixed diagonal that parts equal eigenvalues; a thousand times float32's rounding of
them."""
ABSENT = 4.0
"""Added to an absent electrode's diagonal: the spectrum ends at 2, so its own vector sorts after
all others."""
SIGN_TIE = 0.02
GOLDEN = 0.6180339887498949


def normalized_laplacian(adjacency: Tensor) -> Tensor:
    """Return `I - D^-1/2 A D^-1/2`; an electrode without edges keeps its 1 on the diagonal."""
    scale = inverse_root(adjacency.sum(-1))
    identity = torch.eye(adjacency.shape[-1], dtype=adjacency.dtype, device=adjacency.device)
    return identity - scale[..., :, None] * adjacency * scale[..., None, :]


def inverse_root(degree: Tensor) -> Tensor:
    """Return `degree ** -0.5`, and 0 where the degree is 0, without an infinite gradient."""
    connected = degree > 0
    return torch.where(connected, torch.where(connected, degree, 1.0).rsqrt(), 0.0)


@torch.no_grad()
def laplacian_encoding(
    adjacency: Tensor,
    observed: Tensor,
    *,
    n_eigenvectors: int,
    solver: str = "auto",
    tie_break: float = TIE_BREAK,
) -> Tensor:
    """Return the smoothest patterns over the graph, one number per electrode and pattern.

    Eigenvectors of the normalized Laplacian (+1e-5 I) in order of their eigenvalues, in float32 and
    without gradient: the gradient of an eigenvector grows without bound as two eigenvalues meet.

    Equal eigenvalues leave their eigenvectors free to turn, so a fixed diagonal of the order of
    `tie_break`, different for each electrode, is added first: which electrode is meant decides, the
    same way every time, and rounding no longer can. Its values follow the golden ratio, so that no
    symmetry of a graph repeats in them.

    Args:
        adjacency: `(batch, frames, electrodes, electrodes)`.
        observed: `(batch, electrodes)`; absent electrodes get zeros and disturb no other.
        n_eigenvectors: how many patterns, the smoothest first.
        solver: see `ops.eigenvectors`.
        tie_break: 0 switches the fixed diagonal off.

    Returns:
        `(batch, frames, electrodes, n_eigenvectors)`, detached.
    """
    with full_precision(adjacency):
        laplacian = normalized_laplacian(adjacency.float())
        n = laplacian.shape[-1]
        order = torch.arange(1, n + 1, device=laplacian.device, dtype=laplacian.dtype)
        fixed = RIDGE + tie_break * (order * GOLDEN % 1.0)
        mask = observed[:, None, :]
        diagonal = torch.where(mask, fixed, fixed + ABSENT)
        matrix = laplacian + torch.diag_embed(diagonal)
        vectors = fix_signs(ops.eigenvectors(matrix, n_eigenvectors, solver=solver))
        # Patterns of absent electrodes, and the absent electrodes' part in others' patterns, are
        # zero.
        order = torch.arange(vectors.shape[-1], device=vectors.device)
        real = order < observed.sum(-1, keepdim=True)
        return vectors * mask[..., None] * real[:, None, None, :]


def fix_signs(vectors: Tensor) -> Tensor:
    """Return each eigenvector (column) with its leading entry positive.

    The leading entry is the first of those within 2 % of the largest magnitude, so it is never near
    zero: no rounding can turn it, unlike the sign of a sum, which vanishes for antisymmetric
    patterns.
    """
    size = vectors.abs()
    leading = size >= (1.0 - SIGN_TIE) * size.amax(-2, keepdim=True)
    # The first leading entry: its running count is 1 where it stands, and it is leading.
    first = leading & (leading.to(torch.int32).cumsum(-2) == 1)
    lead = torch.where(first, vectors, 0.0).sum(-2, keepdim=True)
    return torch.where(lead < 0, -vectors, vectors)


def repeat_frames(values: Tensor, interval: int, frames: int) -> Tensor:
    """Repeat each of `(batch, solved, ...)` over the frames until the next one was solved."""
    return values.repeat_interleave(interval, 1)[:, :frames] if interval > 1 else values
