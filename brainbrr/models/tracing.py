"""Whether the model runs or is being read by a compiler."""

import torch


def is_tracing() -> bool:
    """Whether torch.compile, torch.export or torch.jit reads the model: they see no values."""
    return _is_compiling() or torch._C._get_tracing_state() is not None


def _is_compiling() -> bool:
    # Before torch 2.3 the question had another home.
    if hasattr(torch.compiler, "is_compiling"):
        return torch.compiler.is_compiling()
    from torch import _dynamo

    return bool(_dynamo.is_compiling())
