"""Reduced precision if asked for, and full precision for the few operations that need it."""

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

PROCESSOR = Path("/proc/cpuinfo")
UNITS = {"avx512_bf16", "amx_bf16", "bf16"}
"""What Linux calls a CPU's instructions for products of bfloat16 numbers."""


def autocast(device_type: str, precision: str) -> AbstractContextManager[object]:
    """Return a context that computes matrix products in bfloat16 for `bf16`, in float16 for `fp16`,
    and as they are for `fp32`."""
    # Some versions of torch refuse even a disabled autocast on some devices.
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device_type, torch.bfloat16 if precision == "bf16" else torch.float16)


def has_bf16_units(device_type: str) -> bool:
    """Return whether a device multiplies bfloat16 numbers as such; one that does not report it, as
    under macOS and Windows, counts as one that does not."""
    if device_type == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    if device_type != "cpu" or not PROCESSOR.exists():
        return False
    return not UNITS.isdisjoint(re.split(r"\s+", PROCESSOR.read_text(encoding="utf-8")))


def full_precision(values: Tensor) -> AbstractContextManager[None]:
    """Return a context in which autocast leaves operations on the values' device alone."""
    device_type = values.device.type
    available = getattr(torch.amp, "is_autocast_available", ("cpu", "cuda").__contains__)
    # Older versions of torch refuse even to switch off what a device (MPS) does not have.
    if not available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)


def autocast_type(values: Tensor) -> torch.dtype:
    """Return the type of a matrix product of these values on the CPU, under autocast or not."""
    # Since torch 2.4 the device is an argument, and the old names warn.
    if hasattr(torch, "get_autocast_dtype"):
        enabled, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")
    else:
        enabled, dtype = torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()
    return dtype if enabled else values.dtype
