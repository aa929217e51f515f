"""Weights as safetensors, read only if they are exactly those of the network described."""

import warnings
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from brainbrr.errors import BrainbrrError
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model
from brainbrr.release.description import Description
from brainbrr.release.untrusted import FETCH_AGAIN, InvalidDetector, read_json, sanitize

MAX_HEADER_BYTES = 4_000_000
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]
"""Dtype and shape of each tensor by name."""


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights as they are stored: by name, on the CPU."""
    state = network.state_dict()
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def restore(description: Description, content: bytes, *, device: str, scan: str) -> Detector:
    """Build the detector of a description with the weights of a safetensors file.

    Args:
        description: checked, except for what only building the network shows.
        content: the file.
        device: `cpu`, `cuda`, `mps`, or a torch device name.
        scan: how Mamba-2 is computed; all give the same numbers.

    Raises:
        InvalidDetector: the network cannot be built, or the weights do not belong to it.
    """
    numbers: dict[str, Any] = {**description.model}
    if "scan" in numbers:
        numbers["scan"] = scan
    try:
        # On `meta` first: building a network of absurd size must not cost the memory it claims.
        # Absurd widths only warn there; the weights then contradict them.
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            state = build_model(**numbers).state_dict()
    except (BrainbrrError, TypeError, ValueError, RuntimeError, IndexError, ImportError) as error:
        fault = f"{error.got}, not {error.expected}" if isinstance(error, BrainbrrError) else error
        raise InvalidDetector(
            "a model that this version can build",
            sanitize(" ".join(str(fault).split()), 200)[1:-1],
            FETCH_AGAIN,
        ) from error
    expected = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()}
    tensors = read_tensors(content, expected)
    network = build_model(**numbers)
    network.load_state_dict(tensors, strict=True)
    return Detector(
        network.eval().to(device),
        description.model,
        description.preparation,
        description.windowing,
        description.detection,
        description.provenance,
        description.calibration,
    )


def read_tensors(content: bytes, expected: Layout) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    The header is compared with what is expected before a number is read, so that what a file
    claims costs no memory.

    Args:
        content: the file.
        expected: the tensors it must hold, no more and no fewer.

    Raises:
        InvalidDetector: another format, a false header, other tensors, or numbers that are not
            finite.
    """
    layout = _read_layout(content)
    if layout != expected:
        wrong = sorted(set(layout.items()) ^ set(expected.items()), key=str)
        raise InvalidDetector(
            "the tensors of the network described",
            f"{len(wrong)} others or of another dtype or shape, first {sanitize(wrong[0][0])}",
            FETCH_AGAIN,
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, TypeError) as error:
        raise InvalidDetector("a safetensors file", sanitize(str(error)), FETCH_AGAIN) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InvalidDetector(
                "finite numbers", f"NaN or infinity in {sanitize(name)}", FETCH_AGAIN
            )
    return tensors


def _read_layout(content: bytes) -> Layout:
    """Return what the header claims, if its claims agree with each other and the file's size."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or not 2 <= length <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise _false_header(f"a header of {length} bytes in a file of {len(content)}")
    try:
        header = read_json(content[8 : 8 + length].decode())
        header.pop("__metadata__", None)
        entries = [_entry(name, claim) for name, claim in header.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _false_header(sanitize(f"{type(error).__name__}: {error}")) from error
    end = 0
    for name, (dtype, shape), (first, last) in sorted(entries, key=lambda entry: entry[2]):
        n_bytes = dtype.itemsize
        for size in shape:
            n_bytes *= size
        if first != end or last - first != n_bytes:
            raise _false_header(
                f"bytes {first} to {last} for {sanitize(name)} of shape {sanitize(shape)}"
            )
        end = last
    if end != len(content) - 8 - length:
        raise _false_header(f"{end} bytes of numbers in a file with {len(content) - 8 - length}")
    return {name: kind for name, kind, _ in entries}


def _entry(
    name: str, claim: dict[str, Any]
) -> tuple[str, tuple[torch.dtype, tuple[int, ...]], tuple[int, int]]:
    shape, offsets = claim["shape"], claim["data_offsets"]
    if set(claim) != {"dtype", "shape", "data_offsets"} or len(offsets) != 2:
        raise ValueError(f"{name} with other keys")
    if not all(type(number) is int and 0 <= number < 2**40 for number in (*shape, *offsets)):
        raise ValueError(f"{name} of impossible size")
    return name, (DTYPES[claim["dtype"]], tuple(shape)), (offsets[0], offsets[1])


def _false_header(fault: str) -> InvalidDetector:
    return InvalidDetector("a safetensors file with a true header", fault, FETCH_AGAIN)
