"""Any form of a detector by its path: a folder, an ONNX file, a compiled package, one file of
weights."""

from collections.abc import Callable
from pathlib import Path

from brainbrr.inference.annotator import Annotator
from brainbrr.release.refusals import NoSuchDetector


def _onnx(path: Path, device: str, scan: str) -> Annotator:
    from brainbrr.export.onnx_detector import load_onnx

    return load_onnx(path)


def _aoti(path: Path, device: str, scan: str) -> Annotator:
    from brainbrr.export.aoti import load_aoti

    return load_aoti(path)


def _safetensors(path: Path, device: str, scan: str) -> Annotator:
    from brainbrr.export.single_file import load_single_file

    return load_single_file(path, device=device, scan=scan)


LOADERS: dict[str, Callable[[Path, str, str], Annotator]] = {
    ".onnx": _onnx,
    ".pt2": _aoti,
    ".safetensors": _safetensors,
}
"""Suffix of an exported detector and what loads it; packages load with the form that needs them."""


def load_detector(path: str | Path, *, device: str = "cpu", scan: str = "auto") -> Annotator:
    """Load a detector in any of its forms.

    Args:
        path: the folder `train` wrote, the run that holds it, `hf://user/name`, or a file that
            `brainbrr export` wrote (`.onnx`, `.pt2`, `.safetensors`).
        device: `cpu`, `cuda`, `mps`, or a torch device name; ONNX and compiled forms use the CPU.
        scan: how Mamba-2 is computed; every way gives the same numbers.

    Raises:
        NoSuchDetector: nothing is there.
        InvalidDetector: damaged, foreign or hostile; one of its named forms.
        ExportUnavailable: the form needs a package that is not installed.
    """
    loader = LOADERS.get(Path(path).suffix.lower())
    if loader is not None and not Path(path).is_dir():
        if not Path(path).is_file():
            raise NoSuchDetector(
                "an exported detector", f"{path}, which does not exist", "Correct detector=."
            )
        return loader(Path(path), device, scan)
    from brainbrr.release.artifact import load_detector as load_folder

    return load_folder(path, device=device, scan=scan)
