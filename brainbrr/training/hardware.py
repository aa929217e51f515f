"""Choose the hardware profile in conf/hardware for this machine, and apply its settings."""

import logging
import platform
from dataclasses import asdict, dataclass
from typing import Any

import torch

from brainbrr.pool import n_cores

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machine:
    """The properties a profile is chosen by.

    Attributes:
        gpu: name of the first CUDA device, or None.
        capability: its compute capability, e.g. (8, 6).
        memory_gb: its memory.
        mps: whether there is an Apple GPU.
        wsl2: whether this is WSL2, where pinned memory and worker processes can hang.
        cores: CPU cores available to this process.
    """

    gpu: str | None = None
    capability: tuple[int, int] = (0, 0)
    memory_gb: float = 0.0
    mps: bool = False
    wsl2: bool = False
    cores: int = 1


def this_machine() -> Machine:
    """Inspect this machine; with CUDA this initializes the driver."""
    mps = torch.backends.mps.is_available()
    wsl2 = "microsoft" in platform.uname().release.lower()
    if not torch.cuda.is_available():
        return Machine(mps=mps, wsl2=wsl2, cores=n_cores())
    properties = torch.cuda.get_device_properties(0)
    return Machine(
        gpu=properties.name,
        capability=(properties.major, properties.minor),
        memory_gb=properties.total_memory / 2**30,
        mps=mps,
        wsl2=wsl2,
        cores=n_cores(),
    )


def describe_machine() -> dict[str, Any]:
    """Describe this machine for a measurement, without the name of the machine or the user."""
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
"""CUDA profiles with their minimum compute capability and memory in GiB; the first match wins."""


def profile_for(machine: Machine) -> str:
    """Return the name of the profile, by capability and memory: names of cards vary too much."""
    if machine.gpu is None:
        return "mps" if machine.mps else "cpu"
    name = next(
        name
        for name, capability, memory_gb in PROFILES
        if machine.capability >= capability and machine.memory_gb >= memory_gb
    )
    return "rtx4090_wsl2" if machine.wsl2 and name == "rtx4090" else name


def detect_hardware() -> str:
    """Return the name of the profile for this machine, and log the reason."""
    machine = this_machine()
    profile = profile_for(machine)
    log.info("Hardware profile %s for %s", profile, machine)
    return profile


def apply_settings(
    *, mps_memory_fraction: float | None = None, n_threads: int | None = None
) -> None:
    """Apply a profile's settings of torch itself, before anything is computed.

    Args:
        mps_memory_fraction: fraction of the recommended memory of an Apple GPU that torch may use;
            without a limit the system starts to swap.
        n_threads: CPU threads; None: one per core available to this process.
    """
    torch.set_num_threads(n_threads or this_machine().cores)
    if mps_memory_fraction is not None and torch.backends.mps.is_available():
        torch.mps.set_per_process_memory_fraction(mps_memory_fraction)
