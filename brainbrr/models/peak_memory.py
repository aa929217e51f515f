"""Peak memory of one pass, measured in a fresh process: what was freed before would hide it."""

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import nn

from brainbrr.models.profile import forward_pass, training_step


def peak_gbyte(
    build: Callable[[], nn.Module], shape: tuple[int, ...], *, train: bool, n_threads: int
) -> float | None:
    """Most memory that a process held during one pass, in 1e9 bytes; None where the system does not
    say.

    Args:
        build: makes the network in the new process; must be importable there.
        shape: of the input.
        train: a training step, else one forward pass.
        n_threads: torch's threads in that process.
    """
    if sys.platform == "win32":
        return None
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_measure, build, shape, train, n_threads).result()


def _measure(
    build: Callable[[], nn.Module], shape: tuple[int, ...], train: bool, n_threads: int
) -> float:
    import resource

    torch.set_num_threads(n_threads)
    network, eeg = build(), torch.randn(shape)
    (training_step if train else forward_pass)(network, eeg)()
    # Kilobytes, but bytes on Apple's system.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
