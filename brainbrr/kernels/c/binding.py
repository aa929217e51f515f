"""The C functions as Python calls them: one table of their arguments, checked in one place."""

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c.build import NoCKernels, load_library

FLOATS = (torch.float32, torch.float16, torch.bfloat16)
"""What every operator takes; all but rows are converted to float32."""
ROWS = (torch.float32, torch.bfloat16)
"""What norm, edge embedding, edge head and layer read and write in place."""

BLOCK = (
    "batch length d_model heads headdim d_state d_conv threads reverse input_batch input_frame"
    " half eps:d"
)
SHAPES = {
    "block": BLOCK,
    "layer": f"{BLOCK} norm_eps:d dropout:d seed",
    "norm": "batch channels samples activate half threads floor:d",
    "edge": "rows width half threads scale:d eps:d",
    "strongest": "batch nodes frames chosen threads",
    "jacobi": "batch n n_vectors threads",
}
"""Fields of each `*_shape` struct of the C sources, in order: int64, or double if marked `:d`."""

FUNCTIONS = {
    "block_kept_floats": "block",
    "block_forward": "block weights:* input:f output:f kept:f?",
    "block_backward": "block weights:* input:f kept:f d_output:f d_input:f gradients:*",
    "layer_kept_floats": "layer",
    "layer_forward": "layer weights:* input:r output:r kept:f?",
    "layer_backward": "layer weights:* input:r kept:f d_output:r d_input:r gradients:*",
    "norm_forward": "norm weight:f bias:f input:r output:r",
    "norm_backward": "norm weight:f bias:f input:r d_output:r d_input:r d_weight:f d_bias:f",
    "edge_embedding_forward": "edge weight:f bias:f numbers:f rows:r",
    "edge_embedding_backward": "edge weight:f numbers:f rows:r d_rows:r"
    " d_numbers:f d_weight:f d_bias:f",
    "edge_head_forward": "edge weight:f constant:d rows:r numbers:f",
    "edge_head_backward": "edge weight:f rows:r d_numbers:f d_rows:r d_weight:f d_constant:f",
    "strongest_edges": "strongest weights:f observed:b kept:b",
    "jacobi": "jacobi matrices:f vectors:f",
    "dropout": "- input:f output:f n:i probability:d seed:i threads:i",
}
"""C function (without `brainbrr_`): its shape struct (`-` if it has none), then its arguments.

f float32, r rows in float32 or bfloat16, b booleans, * a struct of pointers to float32, d double,
i int64; ? may be NULL. Functions in `_floats` return a count, all others 0, or 1 without memory.
"""

_POINTEES = {"f": (torch.float32,), "r": ROWS, "b": (torch.bool,)}
_NUMBERS: dict[str, Any] = {"d": ctypes.c_double, "i": ctypes.c_int64}


def _struct(name: str, fields: str) -> type[ctypes.Structure]:
    parts = [field.partition(":") for field in fields.split()]
    layout = [(field, _NUMBERS[kind or "i"]) for field, _, kind in parts]
    return type(f"{name}_shape", (ctypes.Structure,), {"_fields_": layout})


_STRUCTS = {name: _struct(name, fields) for name, fields in SHAPES.items()}
_KINDS = {
    name: (struct, [argument.partition(":")[2] for argument in arguments])
    for name, (struct, *arguments) in ((n, line.split()) for n, line in FUNCTIONS.items())
}


def available() -> bool:
    """Return whether this machine can build and load the C kernels; if not, why is logged once."""
    return not isinstance(load_library(), NoCKernels)


def library() -> ctypes.CDLL:
    """Return the loaded kernels.

    Raises:
        NoCKernels: there are none, with the reason.
    """
    loaded = load_library()
    if isinstance(loaded, NoCKernels):
        raise loaded
    return loaded


def call(name: str, shape: Sequence[float], *arguments: Any) -> int:
    """Run a C function.

    Args:
        name: a key of `FUNCTIONS`.
        shape: fields of its shape struct.
        arguments: tensors (lists of them for `*`) and numbers, in the table's order; memory that
            C writes to is the caller's.

    Returns:
        What it counted; 0 if it counts nothing.

    Raises:
        MemoryError: it found no memory for its working space.
        NoCKernels: no C kernels on this machine.
    """
    struct, kinds = _KINDS[name]
    function = getattr(library(), f"brainbrr_{name}")
    counts = name.endswith("_floats")
    # ctypes assumes an int, which would cut a count of floats to 32 bits.
    function.restype = ctypes.c_int64 if counts else ctypes.c_int
    passed = [_as_c(kind, value) for kind, value in zip(kinds, arguments, strict=True)]
    if struct != "-":
        passed.insert(0, ctypes.byref(_STRUCTS[struct](*shape)))
    result = int(function(*passed))
    if result and not counts:
        raise MemoryError(f"{name} found no memory for its working space")
    return result


def _as_c(kind: str, value: Any) -> Any:
    if kind in _NUMBERS:
        return _NUMBERS[kind](value)
    if kind == "*":
        # An array of pointers, which is also a struct of them.
        return (ctypes.c_void_p * len(value))(*(_as_c("f?", tensor) for tensor in value))
    if value is None:
        assert kind.endswith("?"), "NULL only if the table says so"
        return ctypes.c_void_p(None)
    # What C would misread is a defect of the caller: users' tensors are converted before.
    assert value.device.type == "cpu" and value.dtype in _POINTEES[kind[0]], (kind, value.dtype)
    return ctypes.c_void_p(value.data_ptr())


def packed(tensor: Tensor, n_axes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return it in that type, its last `n_axes` axes without gaps; a view if it already is."""
    tensor = tensor.detach().to(dtype)
    stride = 1
    for axis in range(1, n_axes + 1):
        if tensor.shape[-axis] != 1 and tensor.stride(-axis) != stride:
            return tensor.contiguous()
        stride *= tensor.shape[-axis]
    return tensor


def check_types(**tensors: Tensor | None) -> None:
    """Refuse what no C kernel reads.

    Raises:
        InvalidInput: another device, float64 or integers.
    """
    for name, tensor in tensors.items():
        if tensor is not None and (tensor.device.type != "cpu" or tensor.dtype not in FLOATS):
            raise InvalidInput(
                "tensors on the CPU in float32, float16 or bfloat16",
                f"{name} {tensor.dtype} on {tensor.device}",
                "Choose model.scan=chunked for other devices and for float64.",
            )
