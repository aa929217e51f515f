"""The graph of electrodes at each frame: a few strongest neighbours of each.

Axes: (batch, frames, electrodes, electrodes).
"""

import torch
from torch import Tensor


def nearest_neighbours(weights: Tensor, observed: Tensor, n_neighbours: int) -> Tensor:
    """Keep the edges that at least one of their two ends counts among its strongest, with their
    full weight.

    Args:
        weights: symmetric and positive; the diagonal is not looked at.
        observed: `(batch, electrodes)`; absent electrodes have no edges.
        n_neighbours: how many each electrode chooses.

    Returns:
        Symmetric adjacency with a zero diagonal.
    """
    n = weights.shape[-1]
    possible = observed[:, :, None] & observed[:, None, :]
    possible = possible & ~torch.eye(n, dtype=torch.bool, device=weights.device)
    possible = possible[:, None]
    candidates = weights.detach().masked_fill(~possible, -torch.inf)
    chosen = candidates.topk(min(n_neighbours, n - 1), -1).indices
    either = torch.zeros_like(weights, dtype=torch.bool).scatter(-1, chosen, True)
    # An electrode with fewer neighbours than it may choose picks impossible ones as well.
    either = (either | either.transpose(-1, -2)) & possible
    return torch.where(either, weights, 0.0)
