"""The networks: EEG in, one logit per sample out; architecture only.

    registry --> v3 | unet_bimamba (factories) --> detector: input_checks --> front (tcn)
        --> sequence (mamba2), edges --> laplacian --> graph --> decoder

What depends on device, precision or compiler is in `brainbrr.kernels`.
"""

__all__ = ["build_model", "describe_model", "load_model", "read_model"]

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, as its module loads torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("brainbrr.models.registry"), name)
