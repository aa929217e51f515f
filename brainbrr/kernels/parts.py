"""A block of plain torch over a few sequences at a time, in bounded memory.

Most of what the chunked scan saves for its backward pass are the decays between the steps of its
chunks: 25 times the block's input. A part is small enough to be computed again instead, and on a
CPU to stay in its cache, so that it is faster too.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from brainbrr.kernels.reference import BlockWeights, chunk_of

PART_BYTES_CPU = 2**26
PART_BYTES_GPU = 2**29
"""Saved activations of a part; its backward pass needs about twice as much. A GPU is busy with no
less."""


def sequences_per_part(inputs: Tensor, weights: BlockWeights) -> int:
    """Return how many sequences `(batch, length, d_model)` fit a part."""
    # Per step about 6 copies of the projection, and 4 of the decays to the steps of its chunk.
    step = 4 * (6 * weights.in_proj.shape[0] + 4 * weights.A.shape[0] * chunk_of(inputs))
    most = PART_BYTES_CPU if inputs.device.type == "cpu" else PART_BYTES_GPU
    return max(1, most // (step * inputs.shape[1]))


def in_parts(block: Callable[[Tensor], Tensor], inputs: Tensor, size: int) -> Tensor:
    """Apply a block to `size` sequences at a time; only its inputs are saved for the backward pass,
    which computes each part again."""
    parts = torch.split(inputs, size)
    if torch.is_grad_enabled():
        run = partial(checkpoint, block, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([run(part) for part in parts])
    return torch.cat([block(part) for part in parts])
