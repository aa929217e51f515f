"""A detector as one safetensors file: weights, and everything else as JSON in its header."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save

from brainbrr.export.portable import KEY, description_of, read_text
from brainbrr.export.refusals import REMEDY, InvalidExport, OversizedExport
from brainbrr.inference.detector import Detector
from brainbrr.release.refusals import shown
from brainbrr.release.restore import restored, weights_of
from brainbrr.release.weights import MAX_HEADER_BYTES

MAX_BYTES = 4_000_000_000


def single_file_of(detector: Detector, export: Mapping[str, Any]) -> bytes:
    """The bytes of a single-file detector."""
    return bytes(save(weights_of(detector.network), {KEY: description_of(detector, export)}))


def load_single_file(path: str | Path, *, device: str = "cpu", scan: str = "auto") -> Detector:
    """Load a detector that `brainbrr export format=safetensors` wrote.

    Args:
        device: `cpu`, `cuda`, `mps`, or a torch device name.
        scan: how Mamba-2 is computed; every way gives the same numbers.

    Raises:
        OversizedExport: larger than any detector.
        InvalidDetector: damaged, foreign or hostile; one of its named forms.
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise OversizedExport(f"at most {MAX_BYTES} bytes", f"{path.stat().st_size}", REMEDY)
    content = path.read_bytes()
    description, _ = read_text(_metadata(content))
    return restored(
        description,
        lambda: content,
        device=device,
        scan=scan,
        refusal=InvalidExport,
        remedy=REMEDY,
    )


def _metadata(content: bytes) -> str | None:
    """The description in the header, if there is one."""
    import json

    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise InvalidExport("a safetensors file", "a header that is none", REMEDY)
    try:
        header = json.loads(content[8 : 8 + length])
        text = header.get("__metadata__", {}).get(KEY)
    except (ValueError, AttributeError, RecursionError) as error:
        raise InvalidExport("a safetensors file", shown(str(error)), REMEDY) from error
    return text if isinstance(text, str) else None
