"""Whether the model runs or is being read by a compiler."""

import torch

# Chosen once, at import: torch 2.2 cannot read a `hasattr` of a module while it compiles.
if hasattr(torch.compiler, "is_compiling"):
    _is_compiling = torch.compiler.is_compiling
else:
    from torch._utils import is_compiling as _is_compiling


def is_tracing() -> bool:
    """Whether torch.compile, torch.export or torch.jit reads the model: they see no values."""
    return bool(_is_compiling()) or torch._C._get_tracing_state() is not None
