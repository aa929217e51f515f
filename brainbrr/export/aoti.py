"""A detector compiled ahead of time: a `.pt2` package that torch runs without the model's code."""

import json
import logging
import platform
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from brainbrr.export.portable import ExportedDetector, description_of, exported_detector
from brainbrr.export.refusals import (
    REMEDY,
    ExportUnavailable,
    ForeignMachine,
    InvalidExport,
    OversizedExport,
)
from brainbrr.inference.detector import Detector
from brainbrr.release.refusals import shown
from brainbrr.release.released_files import digest
from brainbrr.signal.window_eeg import WindowEeg

log = logging.getLogger(__name__)

NAME = "detector"
ENTRY = f"{NAME}/extra/brainbrr.json"
COMPILERS = ("g++", "clang++", "c++")
MAX_PACKAGE_BYTES = 2_000_000_000
MAX_TEXT_BYTES = 200_000
OPTIONS = {"cpp.dynamic_threads": True}
"""Threads are chosen where the package runs, not where it was compiled."""


def require_compiler() -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        ExportUnavailable: no C++ compiler, or a torch without AOTInductor packages.
    """
    if not any(map(shutil.which, COMPILERS)):
        raise ExportUnavailable(
            "a C++ compiler to compile the detector",
            f"none of {', '.join(COMPILERS)} on the search path",
            "Install g++, or use format=onnx.",
        )
    _require_packages()


def _require_packages() -> None:
    if not hasattr(torch._inductor, "aoti_load_package"):
        raise ExportUnavailable(
            "a torch with AOTInductor packages (2.6 or newer)",
            torch.__version__,
            "Update torch, or use format=onnx.",
        )


def package_of(program: ExportedProgram) -> bytes:
    """A graph compiled for this machine's processor, without a description.

    Raises:
        ExportUnavailable: no C++ compiler, or torch is too old.
    """
    require_compiler()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        target = Path(folder) / f"{NAME}.pt2"
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(target), inductor_configs=OPTIONS
        )
        return target.read_bytes()


def with_description(content: bytes, detector: Detector, export: Mapping[str, Any]) -> bytes:
    """The package with everything that `predict` needs as one more file inside it."""
    text = description_of(detector, {**export, "machine": this_machine()})
    with tempfile.TemporaryFile() as file:
        file.write(content)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(zipfile.ZipInfo(ENTRY), text)
        file.seek(0)
        return file.read()


def this_machine() -> dict[str, str]:
    """What compiled code depends on."""
    return {
        "torch": torch.__version__.split("+", maxsplit=1)[0],
        "processor": platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.system(),
    }


class CompiledWindows:
    """A compiled package as a `Backend`, on the CPU."""

    def __init__(self, package: Path) -> None:
        self._run = torch._inductor.aoti_load_package(str(package))

    @torch.inference_mode()
    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        """Probability of each sample; see `Backend`."""
        inputs = map(torch.from_numpy, windows)
        probability: NDArray[np.float32] = self._run(*inputs).numpy()
        return probability


def load_aoti(path: str | Path) -> ExportedDetector:
    """Load a detector that `brainbrr export format=aoti` wrote on a machine like this one.

    A package is compiled code, and loading it runs it: load only what you or someone you trust
    compiled. Its description is read, and held against this machine, before anything runs.

    Raises:
        ExportUnavailable: this torch has no AOTInductor packages.
        ForeignMachine: compiled for another torch, processor or system.
        InvalidExport: damaged, or without a description.
    """
    _require_packages()
    path = Path(path)
    text = read_entry(path)
    # The description first, with a model that must not be asked: what it says decides what runs.
    detector = exported_detector(text, _unloaded, digest(path.read_bytes()))
    compiled_for, here = detector.export.get("machine"), this_machine()
    if compiled_for != here:
        raise ForeignMachine(
            f"a package for {_told(here)}",
            _told(compiled_for) if isinstance(compiled_for, dict) else shown(compiled_for),
            "Export it again on this machine; format=onnx runs on any.",
        )
    log.warning("%s is compiled code: load only packages you trust", path.name)
    return replace(detector, windows=CompiledWindows(path))


def read_entry(path: Path) -> str | None:
    """The description inside a package, without running or unpacking anything of it.

    Raises:
        InvalidExport: no package, or an entry that leads out of it.
        OversizedExport: larger than any detector.
    """
    if path.stat().st_size > MAX_PACKAGE_BYTES:
        raise OversizedExport(
            f"at most {MAX_PACKAGE_BYTES} bytes", f"{path.stat().st_size}", REMEDY
        )
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            if ENTRY not in archive.namelist():
                return None
            if archive.getinfo(ENTRY).file_size > MAX_TEXT_BYTES:
                raise OversizedExport(f"a description under {MAX_TEXT_BYTES} bytes", "more", REMEDY)
            return archive.read(ENTRY).decode()
    except (zipfile.BadZipFile, UnicodeDecodeError, EOFError, NotImplementedError) as error:
        raise InvalidExport("a compiled package", shown(str(error)), REMEDY) from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        parts = Path(entry.filename).parts
        if parts[:1] != (NAME,) or ".." in parts:
            raise InvalidExport(f"files under {NAME}/ only", shown(entry.filename), REMEDY)
    if sum(entry.file_size for entry in entries) > MAX_PACKAGE_BYTES:
        raise OversizedExport(f"at most {MAX_PACKAGE_BYTES} bytes unpacked", "more", REMEDY)


def _told(machine: dict[str, Any]) -> str:
    return shown(json.dumps(machine, sort_keys=True), 160)[1:-1]


def _unloaded(windows: WindowEeg) -> NDArray[np.float32]:
    raise AssertionError("a description alone computes nothing")
