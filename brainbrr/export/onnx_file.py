"""An ONNX file checked before a runtime opens it: complete, of sound size, and self-contained.

ONNX tensors may name other files to read (`external_data`), inside or outside the model's folder.
An exported detector never does, so any that does is refused here, on the bytes, independent of the
runtime's version. The walk follows protobuf's wire format and ONNX's field numbers
(onnx.proto3); it needs neither package.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

from brainbrr.release.untrusted import InvalidDetector

EXPORT_AGAIN = "Fetch it again, or export it again from the detector's folder."
MAX_ONNX_BYTES = 1_000_000_000
MAX_DEPTH = 40
DOMAINS = {b"", b"ai.onnx", b"com.microsoft", b"pkg.onnxscript.torch_lib.common"}
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5

MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION, TRAINING = range(8)
CHILDREN: dict[int, dict[int, int]] = {
    MODEL: {7: GRAPH, 20: TRAINING, 25: FUNCTION},
    GRAPH: {1: NODE, 5: TENSOR, 15: SPARSE},
    NODE: {5: ATTRIBUTE},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE, 23: SPARSE},
    SPARSE: {1: TENSOR, 2: TENSOR},
    FUNCTION: {7: NODE, 11: ATTRIBUTE},
    TRAINING: {1: GRAPH, 2: GRAPH},
    TENSOR: {},
}
"""Fields of each message that hold messages in which a tensor can lie."""
EXTERNAL_DATA, DATA_LOCATION, NODE_DOMAIN = 13, 14, 7


def read_onnx(path: str | Path) -> bytes:
    """Return the bytes of a self-contained ONNX model.

    Raises:
        InvalidDetector: not a regular file, larger than any detector, damaged, with a tensor in
            another file or with operators of an unknown domain.
    """
    path = Path(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InvalidDetector("a regular file", "another kind of file", EXPORT_AGAIN)
    if status.st_size > MAX_ONNX_BYTES:
        raise InvalidDetector(f"at most {MAX_ONNX_BYTES} bytes", f"{status.st_size}", EXPORT_AGAIN)
    content = path.read_bytes()
    _check_message(memoryview(content), MODEL, 0)
    return content


def _check_message(message: memoryview, kind: int, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidDetector(f"at most {MAX_DEPTH} nested graphs", "more", EXPORT_AGAIN)
    for number, value in _fields(message):
        if kind == TENSOR and number in {EXTERNAL_DATA, DATA_LOCATION} and value not in {0, b""}:
            raise InvalidDetector(
                "weights inside the one file", "a tensor stored in another file", EXPORT_AGAIN
            )
        named = kind == NODE and number == NODE_DOMAIN and isinstance(value, memoryview)
        if named and bytes(value) not in DOMAINS:
            domain = ascii(bytes(value)[:40])
            raise InvalidDetector("operators of ONNX itself", f"the domain {domain}", EXPORT_AGAIN)
        child = CHILDREN[kind].get(number)
        if child is not None and isinstance(value, memoryview):
            _check_message(value, child, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield field numbers and values of a message, except numbers of fixed width."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, position = _varint(message, position)
            yield number, value
        elif wire == BYTES:
            length, position = _varint(message, position)
            if position + length > len(message):
                raise _damaged("it ends too early")
            yield number, message[position : position + length]
            position += length
        elif wire in {FIXED_64, FIXED_32}:
            position += 8 if wire == FIXED_64 else 4
        else:
            raise _damaged(f"wire type {wire}")
    if position != len(message):
        raise _damaged("it ends too early")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at a position, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise _damaged("it ends too early")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _damaged("an integer that does not end")


def _damaged(fault: str) -> InvalidDetector:
    return InvalidDetector("an ONNX model", f"other bytes: {fault}", EXPORT_AGAIN)
