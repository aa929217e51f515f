"""A detector in ONNX Runtime: one file, no torch.

The description of the detector and of its export is JSON in the file's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import Unavailable
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.export.onnx_file import EXPORT_AGAIN, read_onnx
from brainbrr.inference.annotator import Annotator
from brainbrr.pool import n_cores
from brainbrr.release.description import Description, read_description
from brainbrr.release.untrusted import InvalidDetector, read_json, sanitize
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.window_eeg import Backend, WindowEeg

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

INSTALL = "pip install 'brainbrr[export]'"
METADATA_KEY = "brainbrr"
METADATA_PARTS = {"detector", "export"}
MAX_METADATA = 200_000
INPUTS = {
    "eeg": "tensor(int16)",
    "observed": "tensor(bool)",
    "center_uv": "tensor(float)",
    "scale_uv": "tensor(float)",
}
"""The graph's inputs and their types, in the order of `WindowEeg`."""
ERRORS_ONLY = 3


@dataclass(frozen=True)
class ExportedDetector(Annotator):
    """A detector whose network is a file that is not run by torch.

    Attributes:
        windows: maps windows of stored EEG to probabilities.
        model: the network's family and numbers, for the record.
        preparation, windowing, detection, provenance, calibration: as in `Detector`.
        export: how it was made, and how far it was from the network it was made from.
        file_digest: SHA-256 of the file.
    """

    windows: Backend
    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection
    provenance: dict[str, Any]
    calibration: Calibration = field(default_factory=Calibration)
    export: dict[str, Any] = field(default_factory=dict)
    file_digest: str = ""

    @property
    def weights_digest(self) -> str:
        """The file's digest: its weights, and how they are computed with."""
        return self.file_digest

    @property
    def backend(self) -> Backend:
        """What runs the file."""
        return self.windows


class OnnxWindows:
    """An ONNX session as a `Backend`.

    Args:
        session: with the inputs `INPUTS` and one output.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        """Compute the probability of each sample; see `Backend`."""
        probability: NDArray[np.float32] = self._session.run(None, windows._asdict())[0]
        return probability


def load_onnx(path: str | Path, *, threads: int | None = None) -> ExportedDetector:
    """Load a detector that `brainbrr export format=onnx` wrote; it runs on the CPU.

    Args:
        threads: for one window; None for all CPUs that this process may use.

    Raises:
        Unavailable: onnxruntime is not installed.
        InvalidDetector: damaged, foreign or hostile.
    """
    content = read_onnx(path)
    session = open_session(content, threads)
    metadata = session.get_modelmeta().custom_metadata_map
    description, export = _read_metadata(metadata.get(METADATA_KEY))
    _check_shapes(session, description.windowing.length)
    return ExportedDetector(
        OnnxWindows(session),
        description.model,
        description.preparation,
        description.windowing,
        description.detection,
        description.provenance,
        description.calibration,
        export,
        sha256(content).hexdigest(),
    )


def open_session(content: bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Open a session on the CPU.

    Raises:
        Unavailable: onnxruntime is not installed.
        InvalidDetector: the runtime cannot read the model.
    """
    if find_spec("onnxruntime") is None:
        raise Unavailable("onnxruntime, which runs .onnx detectors, is not installed", INSTALL)
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads or n_cores()
    # Threads that spin while they wait cost a shared machine more than they gain.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    faults = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (*faults, state.NotImplemented, state.RuntimeException) as error:
        fault = ascii(" ".join(str(error).split())[:160])
        raise InvalidDetector("a model that ONNX Runtime reads", fault, EXPORT_AGAIN) from error


def _read_metadata(text: str | None) -> tuple[Description, dict[str, Any]]:
    """Return the detector described, and the facts about its export."""
    if text is None:
        raise InvalidDetector(
            f"the file's metadata has no description under {METADATA_KEY!r}",
            "Use a file that `brainbrr export` wrote.",
        )
    try:
        if len(text) > MAX_METADATA:
            raise ValueError(f"{len(text)} characters")
        values = read_json(text)
    except ValueError as error:
        raise InvalidDetector(
            "a description in plain JSON", sanitize(str(error)), EXPORT_AGAIN
        ) from error
    if not isinstance(values, dict) or set(values) != METADATA_PARTS:
        raise InvalidDetector(
            f"the parts {', '.join(sorted(METADATA_PARTS))}", sanitize(values), EXPORT_AGAIN
        )
    if not isinstance(values["export"], dict):
        raise InvalidDetector("export as a mapping", sanitize(values["export"]), EXPORT_AGAIN)
    try:
        return read_description(values["detector"]), values["export"]
    except InvalidDetector as error:
        error.remedy = EXPORT_AGAIN
        raise


def _check_shapes(session: onnxruntime.InferenceSession, length: int) -> None:
    """Refuse a graph whose inputs or output differ from the description in name, type or shape."""
    rows = [N_ELECTRODES]
    expected = {
        name: (kind, [*rows, length] if name == "eeg" else rows) for name, kind in INPUTS.items()
    }
    inputs = {node.name: (node.type, node.shape[1:]) for node in session.get_inputs()}
    outputs = [(node.type, node.shape[1:]) for node in session.get_outputs()]
    if inputs != expected or outputs != [("tensor(float)", [length])]:
        raise InvalidDetector(
            f"a graph from {expected} to probabilities of {length} samples",
            ascii(f"{inputs} to {outputs}")[:300],
            EXPORT_AGAIN,
        )
