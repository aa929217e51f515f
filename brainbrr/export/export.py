"""A detector written in another form, checked against itself before the file appears."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from brainbrr.atomic_io import atomic_write
from brainbrr.export.parity import difference_on_windows
from brainbrr.export.refusals import ExportDiffers, OutputExists, UnknownExport
from brainbrr.inference.detector import Detector
from brainbrr.release.selftest import TOLERANCE
from brainbrr.signal.window_eeg import Backend

SUFFIXES = {"onnx": ".onnx", "aoti": ".pt2", "safetensors": ".safetensors"}
"""Formats that are one file, and how `predict` knows them by their names."""
QUANTISATIONS = ("int8",)
QUANTISABLE = ("onnx", "aoti")

Written = tuple[bytes, Backend]
"""A form without its description, and what runs it."""


@dataclass(frozen=True)
class Exported:
    """A form that was written.

    Attributes:
        path: the file.
        n_bytes: its size.
        seconds: what making it took.
        difference: largest difference of a probability from the detector's, on self-test windows.
    """

    path: Path
    n_bytes: int
    seconds: float
    difference: float


def check_request(form: str, output: str | Path, quantise: str | None) -> Path:
    """Refuse, before any work, what could not be written.

    Raises:
        UnknownExport: no such format or quantisation, or a name that `predict` would not know.
        OutputExists: something is there already.
    """
    known = [*SUFFIXES, "szcore"]
    if form not in known:
        raise UnknownExport(f"format= one of {', '.join(known)}", form, _meant(form, known))
    if quantise is not None and (quantise not in QUANTISATIONS or form not in QUANTISABLE):
        raise UnknownExport(
            f"quantise=null, or int8 with format={' or '.join(QUANTISABLE)}",
            f"quantise={quantise} with format={form}",
            _meant(quantise, list(QUANTISATIONS)) if quantise not in QUANTISATIONS else "Leave it.",
        )
    path = Path(output)
    if form in SUFFIXES and path.suffix != SUFFIXES[form]:
        raise UnknownExport(
            f"output= ending in {SUFFIXES[form]}, by which predict knows it",
            str(path),
            f"Use output={path.with_suffix(SUFFIXES[form])}.",
        )
    if path.exists():
        raise OutputExists(
            "a name that is free", f"{path}, which exists", "Choose another output=."
        )
    return path


def _meant(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}?" if near else "Choose one of them."


def export_file(
    detector: Detector, form: str, output: str | Path, *, quantise: str | None = None
) -> Exported:
    """Write a detector as one file: `onnx`, `aoti` (compiled for this machine) or `safetensors`.

    Args:
        detector: in torch, on any device.
        form: a key of `SUFFIXES`.
        output: the file, which must not exist; its suffix says the form.
        quantise: `int8` for weights of 8 bits (onnx, aoti), None for the same numbers.

    Raises:
        UnknownExport, OutputExists: see `check_request`.
        ExportUnavailable: a package, a compiler or a newer torch is needed.
        NotExportable: a part of the network that the form cannot express.
        ExportDiffers: the form computes other probabilities; nothing is written.
    """
    path = check_request(form, output, quantise)
    began = time.monotonic()
    content, difference = _checked(detector, form, quantise)
    with atomic_write(path, "wb") as file:
        file.write(content)
    return Exported(path, len(content), time.monotonic() - began, difference)


def _checked(detector: Detector, form: str, quantise: str | None) -> tuple[bytes, float]:
    """The file's bytes with its description, which says how far it is from the detector."""
    facts: dict[str, Any] = {"format": form, "quantised": quantise}
    if form == "safetensors":
        from brainbrr.export.single_file import single_file_of

        return single_file_of(detector, {**facts, "difference": 0.0}), 0.0
    written, model = MAKERS[form](detector, quantise)
    difference = difference_on_windows(model, detector.backend, detector)
    limit = TOLERANCE if quantise is None else 1.0
    if not (np.isfinite(difference) and difference <= limit):
        raise ExportDiffers(
            f"the detector's probabilities within {limit:g}",
            f"a difference of {difference:.2g} from format={form}",
            "Do not use this form on this machine, and report this.",
        )
    return _described(form)(written, detector, {**facts, "difference": difference}), difference


def _described(form: str) -> Callable[[bytes, Detector, dict[str, Any]], bytes]:
    if form == "onnx":
        from brainbrr.export.onnx_export import with_description
    else:
        from brainbrr.export.aoti import with_description
    return with_description


def _make_onnx(detector: Detector, quantise: str | None) -> Written:
    from brainbrr.export.onnx_detector import OnnxWindows, open_session
    from brainbrr.export.onnx_export import onnx_of, quantised_onnx

    content = onnx_of(detector)
    if quantise is not None:
        content = quantised_onnx(content)
    return content, OnnxWindows(open_session(content))


def _make_aoti(detector: Detector, quantise: str | None) -> Written:
    import tempfile

    from brainbrr.export.aoti import NAME, CompiledWindows, package_of, require_compiler
    from brainbrr.export.int8 import quantise_layers
    from brainbrr.export.traced import traceable, traced_model

    require_compiler()
    model = traceable(detector)
    if quantise is not None:
        quantise_layers(model)
    content = package_of(traced_model(model, detector.windowing.length))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{NAME}.pt2"
        file.write_bytes(content)
        # The package is unpacked as it is loaded; the file is not needed after that.
        return content, CompiledWindows(file)


MAKERS: dict[str, Callable[[Detector, str | None], Written]] = {
    "onnx": _make_onnx,
    "aoti": _make_aoti,
}
