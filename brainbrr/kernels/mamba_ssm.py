"""Mamba-2 by the CUDA kernels of mamba-ssm (scan) and causal-conv1d, loaded when first used."""

import logging
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from brainbrr.errors import InvalidInput
from brainbrr.kernels import reference

CHUNK = 64
"""mamba-ssm's own default of 256 overflows 32-bit offsets from 48 windows of edge sequences up
(upstream issue 1015)."""
MAX_SEQUENCES = 4369
GRID_LIMIT = 65_535
"""Each launch puts sequences x chunks on one CUDA grid axis; 65,535 / 15 chunks of a 60 s window =
4,369."""
SCAN_MODULE = "mamba_ssm.ops.triton.ssd_combined"

_log = logging.getLogger(__name__)


def available() -> bool:
    """Return whether mamba-ssm's scan loads and there is a CUDA device to run it on."""
    return torch.cuda.is_available() and _combined() is not None


@cache
def _combined() -> Callable[..., Any] | None:
    """Return mamba-ssm's scan, whether or not its extension for Mamba-1 was built as well."""
    try:
        try:
            module = import_module(SCAN_MODULE)
        except ImportError:
            module = _without_package_init()
    except ImportError as reason:
        _log.info("mamba-ssm does not load: %s", reason)
        return None
    function: Callable[..., Any] = module.mamba_chunk_scan_combined
    return function


def _without_package_init() -> ModuleType:
    """Import the scan without the package's `__init__`, which needs Mamba-1's extension."""
    package, _, _ = SCAN_MODULE.partition(".")
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"no {package}", name=package)
    bare = ModuleType(package)
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = bare
    try:
        return import_module(SCAN_MODULE)
    except ImportError:
        del sys.modules[package]
        raise


@cache
def _convolution() -> Callable[..., Tensor] | None:
    try:
        module = import_module("causal_conv1d")
    except ImportError as reason:
        _log.info("causal-conv1d does not load: %s", reason)
        warn_missing("causal-conv1d", "the short convolution")
        return None
    function: Callable[..., Tensor] = module.causal_conv1d_fn
    return function


def warn_missing(package: str, step: str) -> None:
    """Log that plain torch computes a step on CUDA, what that costs and how to get the kernels."""
    _log.warning(
        "%s cannot be used: plain torch computes %s on CUDA, with the same numbers, but several "
        'times slower and in more memory. Install it: pip install "brainbrr[gpu]" (from a '
        'checkout: pip install -e ".[gpu]"); `brainbrr doctor` checks it.',
        package,
        step,
    )


def scan(x: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    """Run the scan on CUDA; it takes what `launch_scan` does.

    Raises:
        InvalidInput: the tensor is elsewhere; the kernels would fail inside Triton, without a name.
    """
    if not x.is_cuda:
        raise InvalidInput(
            "EEG and model on a CUDA device, for model.scan=mamba_ssm",
            f"a tensor on {x.device}",
            "Move both there, or use model.scan=auto: the numbers are the same.",
        )
    return launch_scan(x, *others)


def launch_scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the scan in launches small enough for its grid and its 32-bit offsets."""
    combined = _combined()
    assert combined is not None, "ops.select_scan refuses before this point"
    n_chunks = -(-x.shape[1] // CHUNK)
    # Beyond the grid's limit CUDA refuses the launch; beyond the offsets' it reads other memory.
    at_once = max(1, min(MAX_SEQUENCES, GRID_LIMIT // n_chunks))
    outputs, states = [], []
    for start in range(0, x.shape[0], at_once):
        part = slice(start, start + at_once)
        initial = None if initial_state is None else initial_state[part].float()
        y, state = combined(
            x[part],
            dt[part].float(),
            A.float(),
            # The kernel multiplies x, B and C in one type; only decays must stay in float32.
            B[part].to(x.dtype),
            C[part].to(x.dtype),
            CHUNK,
            D=D.float(),
            initial_states=initial,
            return_final_states=True,
        )
        outputs.append(y)
        states.append(state.float())
    return torch.cat(outputs), torch.cat(states)


def convolve(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply the causal convolution and SiLU by causal-conv1d, or by torch if that is absent."""
    function = _convolution() if inputs.is_cuda else None
    if function is None:
        return reference.convolve(inputs, weight, bias)
    # Channel-last is what its fast path takes; the transpose is a view.
    weight, bias = weight.squeeze(1).to(inputs.dtype), bias.to(inputs.dtype)
    channel_last = inputs.contiguous().transpose(1, 2)
    return function(channel_last, weight, bias, activation="silu").transpose(1, 2)
