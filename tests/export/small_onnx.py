"""The smallest model in ONNX that a detector's description fits."""

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from brainbrr.export.onnx_detector import INPUTS, METADATA_KEY

LENGTH = 512


def described() -> dict[str, Any]:
    """What `export` writes, without a network to export."""
    from dataclasses import asdict

    from brainbrr.data.preparation.preparation import Preparation
    from brainbrr.data.windows.index import Windowing
    from brainbrr.events.calibration import Calibration
    from brainbrr.events.detection import Detection
    from brainbrr.release.description import SCHEMA, with_digest
    from brainbrr.signal.electrodes import ELECTRODES

    values = {
        "schema": SCHEMA,
        "brainbrr": "0.1.0",
        "model": {"family": "v3"},
        "montage": list(ELECTRODES),
        "preparation": asdict(Preparation()),
        "windowing": asdict(Windowing(256.0, 2.0, 1.0)),
        "detection": asdict(Detection()),
        "calibration": asdict(Calibration()),
        "provenance": {},
        "files": {},
    }
    return {"detector": with_digest(values), "export": {"format": "onnx"}}


def small_model() -> onnx.ModelProto:
    """Probability as the sigmoid of the mean over electrodes."""
    types = [TensorProto.INT16, TensorProto.BOOL, TensorProto.FLOAT, TensorProto.FLOAT]
    shapes = [["batch", 19, LENGTH], *[["batch", 19]] * 3]
    inputs = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in zip(INPUTS, types, shapes, strict=True)
    ]
    output = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", LENGTH])
    gain = numpy_helper.from_array(np.array([0.1], np.float32), "gain")
    nodes = [
        helper.make_node("Cast", ["eeg"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["mean", "gain"], ["odds"]),
        helper.make_node("Sigmoid", ["odds"], ["probability"]),
    ]
    graph = helper.make_graph(nodes, "detector", inputs, [output], [gain])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    describe(model, json.dumps(described()))
    return model


def describe(model: onnx.ModelProto, text: str | None) -> None:
    model.ClearField("metadata_props")
    if text is not None:
        helper.set_model_props(model, {METADATA_KEY: text})
