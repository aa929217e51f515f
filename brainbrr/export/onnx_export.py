"""A detector as one ONNX file: scaling, network, graph and its eigenvectors, and all numbers."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from brainbrr.export.onnx_detector import INSTALL, KINDS
from brainbrr.export.portable import KEY, description_of
from brainbrr.export.refusals import ExportUnavailable, NotExportable
from brainbrr.export.traced import OUTPUT, traced
from brainbrr.inference.detector import Detector

OPSET = 18
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx() -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        ExportUnavailable: a package is not installed.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportUnavailable(
            f"{', '.join(PACKAGES)} to export to ONNX", f"no {', '.join(missing)}", INSTALL
        )


def onnx_of(detector: Detector) -> bytes:
    """The network with its scaling as a self-contained ONNX model, without metadata.

    Raises:
        ExportUnavailable: a package is missing, or torch is too old.
        NotExportable: a part that ONNX cannot express.
    """
    require_onnx()
    return _converted(traced(detector))


def _converted(program: ExportedProgram) -> bytes:
    from torch.onnx import OnnxExporterError

    from brainbrr.export.onnx_eigh import onnx_eigh

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        try:
            written = torch.onnx.export(
                program,
                (),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(KINDS),
                output_names=[OUTPUT],
                custom_translation_table={torch.ops.aten._linalg_eigh.default: onnx_eigh},
                verbose=False,
            )
        except OnnxExporterError as error:
            raise NotExportable(
                "a network of operators that ONNX has",
                " ".join(str(error).split())[-200:],
                "Export one of the families in conf/model.",
            ) from error
        assert written is not None
        file = Path(folder) / "model.onnx"
        written.save(str(file), external_data=False)
        return file.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's advice to its own developers is nothing a user can act on."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "root")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def with_description(content: bytes, detector: Detector, export: Mapping[str, Any]) -> bytes:
    """The model with everything that `predict` needs in its metadata, and no trace of its maker.

    Names of source files and lines that the exporter leaves in every node are dropped.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    model.graph.ClearField("doc_string")
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    model.ClearField("metadata_props")
    model.producer_name = "brainbrr"
    onnx.helper.set_model_props(model, {KEY: description_of(detector, export)})
    return bytes(model.SerializeToString())


def quantised_onnx(content: bytes) -> bytes:
    """The model with 8-bit weights; activations are brought to 8 bits as they come (dynamic)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        source.write_bytes(content)
        quantize_dynamic(
            source,
            target,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm", "Conv"],
            extra_options={"MatMulConstBOnly": True},
        )
        return bytes(onnx.load_model(target).SerializeToString())
