"""An ONNX file that lies, points elsewhere, or is not one, is refused by name before it runs."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from brainbrr.export import onnx_file
from brainbrr.export.load import load_detector
from brainbrr.release.untrusted import InvalidDetector
from brainbrr.signal.window_eeg import WindowEeg
from tests.export.small_onnx import LENGTH, describe, described, small_model

Change = Callable[[onnx.ModelProto], None]


def say(change: Callable[[dict[str, Any]], None]) -> Change:
    """A change of the description, its digest left as it was."""

    def apply(model: onnx.ModelProto) -> None:
        values = described()
        change(values)
        describe(model, json.dumps(values))

    return apply


def resigned(change: Callable[[dict[str, Any]], None]) -> Change:
    """A change of the detector's numbers by someone who knows how to sign them."""
    from brainbrr.release.description import with_digest

    def apply(model: onnx.ModelProto) -> None:
        values = described()
        change(values["detector"])
        del values["detector"]["digest"]
        values["detector"] = with_digest(values["detector"])
        describe(model, json.dumps(values))

    return apply


def external(location: str) -> Change:
    def apply(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return apply


def external_in_a_subgraph(model: onnx.ModelProto) -> None:
    inner = numpy_helper.from_array(np.array([1.0], np.float32), "inner")
    external("weights.bin")(model)
    inner.CopyFrom(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.array([0.1], np.float32), "gain")
    )
    value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1])
    branch = helper.make_graph([], "branch", [], [value], [inner])
    condition = numpy_helper.from_array(np.array(True), "condition")
    model.graph.initializer.append(condition)
    model.graph.node.append(
        helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch)
    )


def external_constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.array([1.0], np.float32), "value")
    tensor.external_data.add(key="location", value="../../etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))


def shorter_windows(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 256
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 256


def other_kind(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Shell", ["eeg"], ["unused"], domain="evil"))
    model.opset_import.append(helper.make_opsetid("evil", 1))


def fewer_electrodes(model: onnx.ModelProto) -> None:
    for entry in model.graph.input:
        entry.type.tensor_type.shape.dim[1].dim_value = 18


ATTACKS: dict[str, tuple[Change, str]] = {
    "no description": (lambda m: describe(m, None), "brainbrr export"),
    "no JSON": (lambda m: describe(m, "{"), "plain JSON"),
    "a list": (lambda m: describe(m, "[1]"), "the parts detector, export"),
    "a megabyte": (lambda m: describe(m, " " * 10**6), "1000000 characters"),
    "deep": (lambda m: describe(m, "[" * 10**5), "plain JSON"),
    "changed threshold": (
        say(lambda v: v["detector"]["detection"].update(on_threshold=0.1)),
        "a changed value",
    ),
    "a target": (
        resigned(lambda v: v["model"].update(_target_="os.system")),
        "a word or a short list",
    ),
    "infinite threshold": (
        resigned(lambda v: v["detection"].update(on_threshold=float("inf"))),
        "not finite",
    ),
    "threshold of ten million": (
        resigned(lambda v: v["detection"].update(on_threshold=1e7)),
        "on_threshold between",
    ),
    "no thresholds": (resigned(lambda v: v.pop("detection")), "thresholds"),
    "newer schema": (resigned(lambda v: v.update(schema=99)), "schema 99"),
    "another montage": (
        resigned(lambda v: v.update(montage=v["montage"][::-1])),
        "the 19 electrodes",
    ),
    "another rate": (
        resigned(lambda v: v["windowing"].update(rate_hz=128.0, window_s=4.0)),
        "recordings are prepared to",
    ),
    "windows longer than the graph's": (
        resigned(lambda v: v["windowing"].update(window_s=60.0)),
        "probabilities of 15360 samples",
    ),
    "graph of shorter windows": (shorter_windows, "256|ONNX Runtime reads"),
    "graph of other numbers": (other_kind, "int32"),
    "graph of fewer electrodes": (fewer_electrodes, "18"),
    "weights elsewhere": (external("weights.bin"), "another file"),
    "weights above": (external("../../etc/passwd"), "another file"),
    "weights at the root": (external("/etc/passwd"), "another file"),
    "weights elsewhere, in a branch": (external_in_a_subgraph, "another file"),
    "a constant elsewhere": (external_constant, "another file"),
    "an operator of its own": (foreign_operator, "operators of ONNX itself"),
}


def test_the_model_the_attacks_change_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    path.write_bytes(small_model().SerializeToString())
    model = load_detector(path).backend
    eeg = np.random.default_rng(0).integers(-99, 99, (3, 19, LENGTH), dtype=np.int16)
    rest = np.ones((3, 19), np.float32)
    found = model(WindowEeg(eeg, rest > 0, rest, rest))
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-0.1 * eeg.mean(1))), rtol=1e-4)


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_by_name(name: str, tmp_path: Path) -> None:
    change, match = ATTACKS[name]
    model = small_model()
    change(model)
    path = tmp_path / "d.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InvalidDetector, match=match):
        load_detector(path)


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\x80" * 40, b"\x3a\xff\xff\xff\x7f", b"PK\x03\x04"]
)
def test_other_bytes_are_no_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidDetector, match="ONNX"):
        load_detector(path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    content = small_model().SerializeToString()
    path = tmp_path / "d.onnx"
    generator = np.random.default_rng(0)
    for cut in generator.integers(1, len(content), 40):
        path.write_bytes(content[:cut])
        with pytest.raises(InvalidDetector):
            load_detector(path)


def test_an_oversized_file_and_a_pipe_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.onnx"
    path.write_bytes(small_model().SerializeToString())
    monkeypatch.setattr(onnx_file, "MAX_ONNX_BYTES", 100)
    with pytest.raises(InvalidDetector, match="at most 100 bytes"):
        load_detector(path)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(InvalidDetector, match="a regular file"):
        onnx_file.read_onnx(tmp_path / "pipe.onnx")


def test_graphs_nested_without_end_are_refused(tmp_path: Path) -> None:
    # Nodes (1) with attributes (5) that are graphs (6), one inside the other.
    message = b""
    for depth in range(150):
        message = field((6, 5, 1)[depth % 3], message)
    path = tmp_path / "d.onnx"
    path.write_bytes(field(7, message))
    with pytest.raises(InvalidDetector, match="nested graphs"):
        load_detector(path)


def field(number: int, content: bytes) -> bytes:
    """A protobuf field that holds bytes."""
    length, size = len(content), b""
    while length >= 0x80:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content
