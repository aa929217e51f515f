"""A detector in ONNX Runtime: one file, no torch."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainbrr.export.onnx_file import read_onnx
from brainbrr.export.portable import KEY, ExportedDetector, exported_detector
from brainbrr.export.refusals import (
    REMEDY,
    ExportUnavailable,
    InvalidExport,
    LyingMetadata,
)
from brainbrr.release.released_files import digest
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.window_eeg import WindowEeg

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

INSTALL = "pip install 'brainbrr[export]'"
KINDS = {
    "eeg": "tensor(int16)",
    "observed": "tensor(bool)",
    "center_uv": "tensor(float)",
    "scale_uv": "tensor(float)",
}
ERRORS_ONLY = 3


class OnnxWindows:
    """An ONNX session as a `Backend`.

    Args:
        session: with the inputs `eeg`, `observed`, `center_uv`, `scale_uv` and one output.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        """Probability of each sample; see `Backend`."""
        probability: NDArray[np.float32] = self._session.run(None, windows._asdict())[0]
        return probability


def load_onnx(path: str | Path, *, threads: int | None = None) -> ExportedDetector:
    """Load a detector that `brainbrr export format=onnx` wrote; the numbers are computed on the
    CPU.

    Args:
        threads: how many compute one window; as many as this process may use where None.

    Raises:
        ExportUnavailable: onnxruntime is not installed.
        InvalidExport: damaged, foreign or hostile; one of its named forms.
    """
    content = read_onnx(path)
    session = open_session(content, threads)
    metadata = session.get_modelmeta().custom_metadata_map
    detector = exported_detector(metadata.get(KEY), OnnxWindows(session), digest(content))
    _check_shapes(session, detector.windowing.length)
    return detector


def open_session(content: bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A session on the CPU.

    Raises:
        ExportUnavailable: onnxruntime is not installed.
        InvalidExport: the runtime cannot read the model.
    """
    if find_spec("onnxruntime") is None:
        raise ExportUnavailable("onnxruntime to run .onnx detectors", "none installed", INSTALL)
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    # Threads that spin while they wait cost a shared machine more than they gain.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    faults = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (*faults, state.NotImplemented, state.RuntimeException) as error:
        told = " ".join(str(error).split())[:160]
        raise InvalidExport("a model that ONNX Runtime reads", ascii(told), REMEDY) from error


def _check_shapes(session: onnxruntime.InferenceSession, length: int) -> None:
    """Refuse a graph that takes or gives anything else than its description says.

    Raises:
        LyingMetadata: other names, kinds or shapes.
    """
    rows = [N_ELECTRODES]
    expected = {
        name: (kind, [*rows, length] if name == "eeg" else rows) for name, kind in KINDS.items()
    }
    found = {node.name: (node.type, node.shape[1:]) for node in session.get_inputs()}
    outputs = [(node.type, node.shape[1:]) for node in session.get_outputs()]
    if found != expected or outputs != [("tensor(float)", [length])]:
        raise LyingMetadata(
            f"a graph from {expected} to probabilities of {length} samples",
            ascii(f"{found} to {outputs}")[:300],
            REMEDY,
        )
