"""Whether the model runs or is being read by a compiler or a counter, and by which kind."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

# Chosen once, at import: torch 2.2 cannot read a `hasattr` of a module while it compiles.
if hasattr(torch.compiler, "is_compiling"):
    _is_compiling = torch.compiler.is_compiling
else:
    from torch._utils import is_compiling as _is_compiling

TELLS_EXPORT = hasattr(torch.compiler, "is_exporting")
"""Whether this torch (2.7 and newer) distinguishes torch.compile from torch.export."""
_is_exporting = getattr(torch.compiler, "is_exporting", _is_compiling)

Function = TypeVar("Function", bound=Callable[..., object])


def is_tracing() -> bool:
    """Return whether torch.compile, torch.export or torch.jit traces, which see no values, or a
    dispatch mode of torch reads each operation, which sees none inside a kernel."""
    if _is_compiling() or torch._C._get_tracing_state() is not None:
        return True
    return _get_current_dispatch_mode() is not None


def readable_at_once(values: Tensor) -> bool:
    """Return whether reading these values waits for nothing: on a CPU, and nobody traces."""
    return values.device.type == "cpu" and not is_tracing()


def keeps_operators() -> bool:
    """Return whether torch.compile traces the model, for this process alone.

    It may then keep operators that only this machine has. What torch.export or torch.jit write may
    not: it runs elsewhere. If torch cannot distinguish the two (before 2.7), the answer is no.
    """
    return bool(_is_compiling()) and not _is_exporting()


def settled_before_tracing(function: Function) -> Function:
    """Mark a function of constants that torch.compile evaluates at trace time, as what it does
    (loading a library, writing a log) is not part of the model."""
    # What torch.compiler.assume_constant_result does, without its import of the whole compiler.
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
