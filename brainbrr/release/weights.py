"""Weights from a safetensors file, read only where they are exactly those of the network."""

import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from brainbrr.release.refusals import FETCH_AGAIN, InvalidWeights, shown

MAX_HEADER_BYTES = 4_000_000
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]
"""Kind and shape of each tensor, by its name."""


def layout_of(tensors: dict[str, Tensor]) -> Layout:
    """Kind and shape of tensors, those without memory (`meta`) included."""
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}


def read_tensors(content: bytes, expected: Layout) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    The header is held against what is expected before a number is read, so that what a file
    claims costs no memory.

    Args:
        content: the file.
        expected: the tensors it must hold, no more and no fewer.

    Raises:
        InvalidWeights: another format, a header that lies, other tensors, or numbers that are not
            finite.
    """
    found = _layout_in(content)
    if found != expected:
        wrong = sorted(set(found.items()) ^ set(expected.items()), key=str)
        raise InvalidWeights(
            "the tensors of the network described",
            f"{len(wrong)} others or of another kind or shape, first {shown(wrong[0][0])}",
            FETCH_AGAIN,
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, TypeError) as error:
        raise InvalidWeights("a safetensors file", shown(str(error)), FETCH_AGAIN) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InvalidWeights("finite numbers", f"NaN or infinity in {shown(name)}", FETCH_AGAIN)
    return tensors


def _layout_in(content: bytes) -> Layout:
    """What the header claims, where its claims agree with one another and with the file's size."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or not 2 <= length <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise _lies(f"a header of {length} bytes in a file of {len(content)}")
    try:
        header = json.loads(content[8 : 8 + length], object_pairs_hook=_without_repeats)
        header.pop("__metadata__", None)
        entries = [_entry(name, claim) for name, claim in header.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _lies(shown(f"{type(error).__name__}: {error}")) from error
    end = 0
    for name, (dtype, shape), (first, last) in sorted(entries, key=lambda entry: entry[2]):
        n_bytes = dtype.itemsize
        for size in shape:
            n_bytes *= size
        if first != end or last - first != n_bytes:
            raise _lies(f"bytes {first} to {last} for {shown(name)} of shape {shown(shape)}")
        end = last
    if end != len(content) - 8 - length:
        raise _lies(f"{end} bytes of numbers in a file with {len(content) - 8 - length}")
    return {name: kind for name, kind, _ in entries}


def _entry(
    name: str, claim: dict[str, Any]
) -> tuple[str, tuple[torch.dtype, tuple[int, ...]], tuple[int, int]]:
    shape, offsets = claim["shape"], claim["data_offsets"]
    if set(claim) != {"dtype", "shape", "data_offsets"} or len(offsets) != 2:
        raise ValueError(f"{name} described otherwise")
    if not all(type(number) is int and 0 <= number < 2**40 for number in (*shape, *offsets)):
        raise ValueError(f"{name} of impossible size")
    return name, (DTYPES[claim["dtype"]], tuple(shape)), (offsets[0], offsets[1])


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _lies(fault: str) -> InvalidWeights:
    return InvalidWeights("a safetensors file with a true header", fault, FETCH_AGAIN)
