"""Which of the hardware profiles in conf/hardware fits this machine."""

import logging
import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

import torch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machine:
    """What the choice of a profile depends on.

    Attributes:
        gpu: name of the first CUDA device, or None.
        capability: its compute capability, e.g. (8, 6).
        memory_gb: its memory.
        mps: whether Apple's GPU is there.
        wsl2: whether this is Linux inside Windows, where pinned memory and worker processes
            misbehave.
        cores: processor cores this process may use.
    """

    gpu: str | None = None
    capability: tuple[int, int] = (0, 0)
    memory_gb: float = 0.0
    mps: bool = False
    wsl2: bool = False
    cores: int = 1


def this_machine() -> Machine:
    """Look at the machine; on CUDA this starts the driver."""
    mps = torch.backends.mps.is_available()
    wsl2 = "microsoft" in platform.uname().release.lower()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not torch.cuda.is_available():
        return Machine(mps=mps, wsl2=wsl2, cores=cores or 1)
    properties = torch.cuda.get_device_properties(0)
    return Machine(
        gpu=properties.name,
        capability=(properties.major, properties.minor),
        memory_gb=properties.total_memory / 2**30,
        mps=mps,
        wsl2=wsl2,
        cores=cores or 1,
    )


def describe_machine() -> dict[str, Any]:
    """What a measurement's reader must know of where it was taken; no name of machine or user."""
    return {
        **asdict(this_machine()),
        "processor": platform.processor() or platform.machine(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


PROFILES = (
    ("h200", (9, 0), 120.0),
    ("h100", (9, 0), 70.0),
    ("a100_80gb", (8, 0), 70.0),
    ("a100_40gb", (8, 0), 36.0),
    ("rtx4090", (8, 0), 20.0),
    ("rtx3080", (8, 0), 0.0),
    ("turing", (7, 1), 0.0),
    ("v100", (0, 0), 0.0),
)
"""CUDA profiles, with the least compute capability and memory in GiB; the first that fits."""


def profile_for(machine: Machine) -> str:
    """Name of the profile, by capability and memory: cards' names have too many spellings."""
    if machine.gpu is None:
        return "mps" if machine.mps else "cpu"
    name = next(
        name
        for name, capability, memory_gb in PROFILES
        if machine.capability >= capability and machine.memory_gb >= memory_gb
    )
    return "rtx4090_wsl2" if machine.wsl2 and name == "rtx4090" else name


def detect_hardware() -> str:
    """Name of the profile in conf/hardware for this machine, and why, in the log."""
    machine = this_machine()
    profile = profile_for(machine)
    log.info("Hardware profile %s for %s", profile, machine)
    return profile


def apply_settings(
    *, mps_memory_fraction: float | None = None, n_threads: int | None = None
) -> None:
    """Set what a profile says about torch itself, before anything is computed.

    Args:
        mps_memory_fraction: share of the recommended memory of Apple's GPU that torch may take;
            else it is exceeded until the system stalls.
        n_threads: threads on the processor; None takes one for each core this process may use.
    """
    torch.set_num_threads(n_threads or this_machine().cores)
    if mps_memory_fraction is not None and torch.backends.mps.is_available():
        torch.mps.set_per_process_memory_fraction(mps_memory_fraction)
