"""Full precision inside autocast, for the few operations that need it."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(device_type: str) -> AbstractContextManager[None]:
    """A context in which autocast leaves operations on that device alone."""
    available = getattr(torch.amp, "is_autocast_available", ("cpu", "cuda").__contains__)
    # Older versions of torch refuse even to switch off what a device (MPS) does not have.
    if not available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)


def autocast_type(values: Tensor) -> torch.dtype:
    """What a matrix product would make of these float32 values on the CPU, autocast or not."""
    # Since torch 2.4 the device is an argument, and the old names warn.
    if hasattr(torch, "get_autocast_dtype"):
        enabled, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")
    else:
        enabled, dtype = torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()
    return dtype if enabled else values.dtype
