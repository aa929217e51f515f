"""The choice of each electrode's strongest edges on the processor, in C, many frames at a time."""

import ctypes

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import address, call, native_can_take, native_library, packed

MOST_NODES = 32


class NeighbourShape(ctypes.Structure):
    """`neighbour_shape` of native/neighbours.c."""

    _fields_ = [
        (name, ctypes.c_int64) for name in ("batch", "nodes", "frames", "chosen", "threads")
    ]


def can_take_neighbours(weights: Tensor, n_nodes: int) -> bool:
    """Whether `native_neighbours` may be chosen for these weights."""
    fits = n_nodes <= MOST_NODES and weights.dtype == torch.float32 and weights.numel() > 0
    return fits and native_can_take(weights)


def native_neighbours(weights: Tensor, observed: Tensor, n_neighbours: int) -> Tensor:
    """Which edges at least one of their two ends counts among its strongest.

    Args:
        weights: (batch, pairs, frames), float32, on the CPU; pairs i < j in row order.
        observed: (batch, nodes) boolean; absent nodes have no edges.
        n_neighbours: how many each node chooses; of equal ones the first.

    Returns:
        (batch, pairs, frames) boolean.
    """
    n_nodes = observed.shape[1]
    rows = packed(weights, 3)
    there = observed.contiguous()
    kept = torch.empty(rows.shape, dtype=torch.bool)
    shape = NeighbourShape(
        *(rows.shape[0], n_nodes, rows.shape[2]),
        *(min(n_neighbours, n_nodes - 1), torch.get_num_threads()),
    )
    call(
        native_library().brainbrr_neighbours,
        *(ctypes.byref(shape), address(rows), address(there), address(kept)),
    )
    return kept
