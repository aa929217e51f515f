"""A detector as one ONNX file: scaling, network, graph and its eigenvectors, and all numbers.

Axes: eeg (batch, electrodes, samples); only the batch axis is dynamic.
"""

import copy
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import Failed, InUse, InvalidInput, InvalidOption, Unavailable
from brainbrr.export.onnx_detector import INPUTS, INSTALL, METADATA_KEY, OnnxWindows, open_session
from brainbrr.export.parity import difference_on_windows
from brainbrr.inference.detector import Detector
from brainbrr.models.detector import V3Detector
from brainbrr.models.graph import GeometricConvolution
from brainbrr.models.mamba2 import Mamba2
from brainbrr.models.scaling import standardize
from brainbrr.release.description import describe
from brainbrr.release.selftest import TOLERANCE
from brainbrr.signal.electrodes import N_ELECTRODES

FORMATS = ("onnx", "szcore")
QUANTIZATIONS = ("int8",)
SUFFIX = ".onnx"
OUTPUT = "probability"
OPSET = 18
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
MAX_BATCH = 4096
OLDEST_TORCH = (2, 9)
FAMILY_REMEDY = "Export one of the families in conf/model."


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: the file.
        n_bytes: its size.
        seconds: time it took.
        difference: largest difference of a probability from the detector's, on self-test windows.
    """

    path: Path
    n_bytes: int
    seconds: float
    difference: float


def check_request(form: str, output: str | Path, quantize: str | None) -> Path:
    """Refuse, before any work, what could not be written.

    Raises:
        InvalidOption: no such format or quantization, or a name that `predict` would not recognize.
        InUse: the path exists.
    """
    if form not in FORMATS:
        raise InvalidOption(f"format= one of {', '.join(FORMATS)}", form, _suggest(form, FORMATS))
    if quantize is not None and (quantize not in QUANTIZATIONS or form != "onnx"):
        known = quantize in QUANTIZATIONS
        raise InvalidOption(
            "quantize=null, or int8 with format=onnx",
            f"quantize={quantize} with format={form}",
            "Omit quantize=." if known else _suggest(quantize, QUANTIZATIONS),
        )
    path = Path(output)
    if form == "onnx" and path.suffix != SUFFIX:
        raise InvalidOption(
            f"output= ending in {SUFFIX}, by which predict recognizes it",
            str(path),
            f"Use output={path.with_suffix(SUFFIX)}.",
        )
    if path.exists():
        raise InUse(f"{path} exists", "Choose another output=.")
    return path


def _suggest(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}?" if near else "Choose one of them."


def export_onnx(detector: Detector, output: str | Path, *, quantize: str | None = None) -> Exported:
    """Write a detector as an ONNX file, after comparing it with the detector.

    Args:
        detector: in torch, on any device.
        output: the file, which must not exist.
        quantize: `int8` for weights of 8 bits, None for the same numbers.

    Raises:
        InvalidOption, InUse: see `check_request`.
        Unavailable: a package or a newer torch is needed.
        InvalidInput: a part of the network that ONNX cannot express.
        Failed: the file computes other probabilities; nothing is written.
    """
    path = check_request("onnx", output, quantize)
    began = time.monotonic()
    require_onnx()
    content = to_onnx(trace_network(traceable(detector), detector.windowing.length))
    if quantize is not None:
        content = quantize_onnx(content)
    windows = OnnxWindows(open_session(content))
    difference = difference_on_windows(windows, detector.backend, detector)
    limit = TOLERANCE if quantize is None else 1.0
    if not (np.isfinite(difference) and difference <= limit):
        raise Failed(
            f"the detector's probabilities within {limit:g}",
            f"a difference of {difference:.2g} from the ONNX file",
            "Do not use format=onnx on this machine, and report this.",
        )
    facts = {"format": "onnx", "quantized": quantize, "difference": difference}
    content = with_description(content, detector, facts)
    with atomic_write(path, "wb") as file:
        file.write(content)
    return Exported(path, len(content), time.monotonic() - began, difference)


def require_onnx() -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        Unavailable: a package is not installed, or torch is too old.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise Unavailable(f"{', '.join(missing)} not installed, which format=onnx needs", INSTALL)
    version = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))
    if version < OLDEST_TORCH:
        raise Unavailable(
            f"torch {'.'.join(map(str, OLDEST_TORCH))} or newer to export",
            torch.__version__,
            "Export with a newer torch; detectors are the same everywhere.",
        )


class StoredWindows(nn.Module):
    """Windows as the cache stores them to probabilities: what the exported file computes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, eeg: Tensor, observed: Tensor, center_uv: Tensor, scale_uv: Tensor) -> Tensor:
        """Compute the probability of each sample `(batch, samples)`; arguments: `WindowEeg`."""
        scaled = standardize(eeg, observed, center_uv, scale_uv)
        return torch.sigmoid(self.network(scaled, observed).float())


def traceable(detector: Detector) -> StoredWindows:
    """Copy the network to the CPU with parts that can be traced; the numbers are the same.

    Raises:
        InvalidInput: a graph convolution whose work depends on the values it sees.
    """
    network = copy.deepcopy(detector.network).cpu().float().eval()
    for module in network.modules():
        if isinstance(module, GeometricConvolution):
            raise InvalidInput(
                "graph_convolution=ssg, whose products are the same for every graph",
                f"{type(module.convolution).__name__} of torch_geometric",
                "Train with model.graph_convolution=ssg to export.",
            )
        if isinstance(module, Mamba2):
            module.scan = "chunked"
        if isinstance(module, V3Detector):
            # One operator, which `onnx_eigh` translates.
            module.eigensolver = "eigh"
    return StoredWindows(network).requires_grad_(False)


def trace_network(model: StoredWindows, length: int) -> ExportedProgram:
    """Trace a model with a dynamic batch axis, for windows of `length` samples.

    Raises:
        InvalidInput: a part that cannot be traced.
    """
    # Two windows: an axis of length one would be taken for constant.
    example = (
        torch.zeros(2, N_ELECTRODES, length, dtype=torch.int16),
        torch.ones(2, N_ELECTRODES, dtype=torch.bool),
        torch.zeros(2, N_ELECTRODES),
        torch.ones(2, N_ELECTRODES),
    )
    batch = Dim("batch", min=1, max=MAX_BATCH)
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        try:
            return export(model, example, dynamic_shapes=({0: batch},) * len(example))
        except (RuntimeError, TypeError, ValueError) as error:
            fault = " ".join(str(error).split())[:200]
            raise InvalidInput("a network that torch.export reads", fault, FAMILY_REMEDY) from error


def to_onnx(program: ExportedProgram) -> bytes:
    """Translate a traced model to a self-contained ONNX model without metadata.

    Raises:
        InvalidInput: an operator that ONNX does not have.
    """
    from torch.onnx import OnnxExporterError

    from brainbrr.export.onnx_eigh import onnx_eigh

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        try:
            written = torch.onnx.export(
                program,
                (),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                custom_translation_table={torch.ops.aten._linalg_eigh.default: onnx_eigh},
                verbose=False,
            )
        except OnnxExporterError as error:
            fault = " ".join(str(error).split())[-200:]
            raise InvalidInput(
                "a network of operators that ONNX has", fault, FAMILY_REMEDY
            ) from error
        assert written is not None
        file = Path(folder) / "model.onnx"
        written.save(str(file), external_data=False)
        return file.read_bytes()


def quantize_onnx(content: bytes) -> bytes:
    """Return the model with 8-bit weights; activations are quantized when computed (dynamic)."""
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


def with_description(content: bytes, detector: Detector, facts: Mapping[str, Any]) -> bytes:
    """Return the model with everything that `predict` needs in its metadata.

    The exporter writes names of source files and lines into every node; they are removed.

    Args:
        facts: about the export.
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
    values = {"detector": describe(detector, {}), "export": dict(facts)}
    text = json.dumps(values, allow_nan=False)
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    return bytes(model.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's messages, which address its own developers."""
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
