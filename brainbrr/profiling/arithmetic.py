"""How much arithmetic each part of a network does, counted and not timed.

Matrix products and convolutions are counted by torch (a multiplication and an addition are two);
the selective scan by its recurrence, 5 operations per number of the state and step; an
eigenproblem of n electrodes as 10 n^3.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from brainbrr.kernels.reference import Scan
from brainbrr.models.detector import V3Detector
from brainbrr.models.mamba2 import Mamba2


@torch.no_grad()
def part_gflop(network: nn.Module, eeg: Tensor) -> dict[str, float]:
    """Return GFLOP of each child of the network in one forward pass; its state is unchanged."""
    parts = [name for name, _ in network.named_children()]
    scanned = dict.fromkeys(parts, 0.0)
    counter = FlopCounterMode(display=False)
    with _counting_scans(network, scanned), counter:
        network(eeg)
    counted = counter.get_flop_counts()
    family = type(network).__name__
    gflop = {
        name: (sum(counted.get(f"{family}.{name}", {}).values()) + scanned[name]) / 1e9
        for name in parts
    }
    if isinstance(network, V3Detector):
        frames = eeg.shape[-1] // network.stride
        solved = len(eeg) * -(-frames // network.semi_dynamic_interval)
        gflop["laplacian"] = 10 * network.n_electrodes**3 * solved / 1e9
    return gflop


@contextmanager
def _counting_scans(network: nn.Module, scanned: dict[str, float]) -> Iterator[None]:
    """Replace every scan of the network by one that only counts."""
    was_training = network.training
    scans = [
        (part, layer, layer.scan)
        for part, child in network.named_children()
        for layer in child.modules()
        if isinstance(layer, Mamba2)
    ]
    try:
        network.eval()
        for part, layer, _ in scans:
            layer.scan = _counting(scanned, part)
        yield
    finally:
        network.train(was_training)
        for _, layer, scan in scans:
            layer.scan = scan


def _counting(scanned: dict[str, float], part: str) -> Scan:
    def scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        scanned[part] += 5.0 * x.numel() * B.shape[-1]
        return x, x

    return scan
