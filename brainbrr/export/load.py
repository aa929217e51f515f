"""Any form of a detector by its path."""

from pathlib import Path

from brainbrr.errors import NotFound
from brainbrr.export.onnx_detector import load_onnx
from brainbrr.inference.annotator import Annotator


def load_detector(path: str | Path, *, device: str = "cpu", scan: str = "auto") -> Annotator:
    """Load a detector in any of its forms.

    Args:
        path: the name of a shipped detector (`base`), the folder `train` wrote, the run that holds
            it, `hf://user/name`, or an `.onnx` file that `brainbrr export` wrote.
        device: `cpu`, `cuda`, `mps`, or a torch device name; ONNX files run on the CPU.
        scan: how Mamba-2 is computed; all give the same numbers.

    Raises:
        NotFound: nothing is there.
        InvalidDetector: damaged, foreign or hostile.
        Unavailable: the form needs a package that is not installed.
    """
    if Path(path).suffix.lower() != ".onnx" or Path(path).is_dir():
        from brainbrr.release.artifact import load_release

        return load_release(path, device=device, scan=scan)
    if not Path(path).is_file():
        raise NotFound(
            "an exported detector", f"{path}, which does not exist", "Correct detector=."
        )
    return load_onnx(path)
