"""Peak memory of one pass, measured in a fresh process: what was freed before would hide it."""

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch import nn

from brainbrr.profiling.profile import forward_pass, training_step


def peak_gbyte(
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    *,
    train: bool,
    n_threads: int,
    precision: str = "fp32",
) -> float | None:
    """Return the peak memory of a process during one pass, in 1e9 bytes; None if not reported by
    the system.

    Args:
        build: makes the network in the new process; must be importable there.
        shape: of the input.
        train: a training step, otherwise one forward pass.
        n_threads: torch's threads in that process.
        precision: see `brainbrr.kernels.precision.autocast`.
    """
    if sys.platform == "win32":
        return None
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_measure, build, shape, train, n_threads, precision).result()


def _measure(
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    train: bool,
    n_threads: int,
    precision: str,
) -> float:
    torch.set_num_threads(n_threads)
    network, eeg = build(), torch.randn(shape)
    (training_step if train else forward_pass)(network, eeg, precision)()
    return _peak_bytes() / 1e9


def _peak_bytes() -> int:
    """Return the peak memory of this process, counted from its own start.

    Linux hands `ru_maxrss` on from the process that started this one; its table of the process
    does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, kilobytes elsewhere
