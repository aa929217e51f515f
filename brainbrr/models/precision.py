"""Full precision inside autocast, for the few operations that need it."""

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device_type: str) -> AbstractContextManager[None]:
    """A context in which autocast leaves operations on that device alone."""
    available = getattr(torch.amp, "is_autocast_available", ("cpu", "cuda").__contains__)
    # Older versions of torch refuse even to switch off what a device (MPS) does not have.
    if not available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)
