"""An ONNX file looked through before a runtime opens it: whole, of sound size, and self-contained.

ONNX tensors may name other files to read (`external_data`), inside or outside the model's folder.
An exported detector never does, so any that does is refused here, on the bytes, whatever the
runtime's version would do. The walk follows protobuf's wire format and ONNX's field numbers
(onnx.proto3); it needs neither package.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

from brainbrr.export.refusals import (
    REMEDY,
    ExternalData,
    InvalidExport,
    LyingMetadata,
    OversizedExport,
)

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
"""Which fields of a message hold messages in which a tensor can lie."""
EXTERNAL_DATA, DATA_LOCATION, NODE_DOMAIN = 13, 14, 7


def read_onnx(path: str | Path) -> bytes:
    """The bytes of a self-contained ONNX model.

    Raises:
        OversizedExport: larger than any detector.
        ExternalData: a tensor lies in another file.
        InvalidExport: no regular file, damaged, or with operators of an unknown domain.
    """
    path = Path(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InvalidExport("a regular file", "another kind of file", REMEDY)
    if status.st_size > MAX_ONNX_BYTES:
        raise OversizedExport(f"at most {MAX_ONNX_BYTES} bytes", f"{status.st_size}", REMEDY)
    content = path.read_bytes()
    _look_through(memoryview(content), MODEL, 0)
    return content


def _look_through(message: memoryview, kind: int, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise LyingMetadata(f"at most {MAX_DEPTH} nested graphs", "more", REMEDY)
    for number, value in _fields(message):
        if kind == TENSOR and number in {EXTERNAL_DATA, DATA_LOCATION} and value not in {0, b""}:
            raise ExternalData(
                "weights inside the one file", "a tensor kept in another file", REMEDY
            )
        named = kind == NODE and number == NODE_DOMAIN and isinstance(value, memoryview)
        if named and bytes(value) not in DOMAINS:
            domain = ascii(bytes(value)[:40])
            raise InvalidExport("operators of ONNX itself", f"the domain {domain}", REMEDY)
        child = CHILDREN[kind].get(number)
        if child is not None and isinstance(value, memoryview):
            _look_through(value, child, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of a message; numbers of fixed width are passed by."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield number, value
        elif wire == BYTES:
            length, place = _varint(message, place)
            if place + length > len(message):
                raise _damaged("it ends too early")
            yield number, message[place : place + length]
            place += length
        elif wire in {FIXED_64, FIXED_32}:
            place += 8 if wire == FIXED_64 else 4
        else:
            raise _damaged(f"wire type {wire}")
    if place != len(message):
        raise _damaged("it ends too early")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise _damaged("it ends too early")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _damaged("a number without end")


def _damaged(fault: str) -> InvalidExport:
    return InvalidExport("an ONNX model", f"other bytes: {fault}", REMEDY)
