"""The release: a folder that holds a detector and nothing that runs.

`model.safetensors` (weights), `detector.yaml` (family, plain numbers, thresholds),
`selftest.safetensors` (a synthetic minute and the probabilities it must give). No pickle, no
`_target_`: loading reads numbers only.
"""

import logging
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from brainbrr import __version__
from brainbrr.data.preparation import Preparation
from brainbrr.data.window_index import Windowing
from brainbrr.durable import open_durable, sync_folder
from brainbrr.errors import BrainbrrError
from brainbrr.events.detection import Detection
from brainbrr.inference.detector import Detector
from brainbrr.inference.selftest import expected_probabilities, selftest_minute
from brainbrr.models.registry import build_model
from brainbrr.signal.quality import QualityLimits

log = logging.getLogger(__name__)

SCHEMA = 1
MAX_YAML_BYTES = 1_000_000
KEYS = {"schema", "brainbrr", "model", "preparation", "windowing", "detection", "provenance"}


class NoSuchDetector(BrainbrrError):
    """There is no detector at the path."""


class InvalidDetector(BrainbrrError):
    """A detector folder whose content is damaged, foreign or from a newer version."""


def save_detector(detector: Detector, folder: str | Path) -> Path:
    """Write a detector's folder, whole or not at all; an older one at the same place is
    replaced."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        weights = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in detector.network.state_dict().items()
        }
        save_file(weights, staging / "model.safetensors")
        eeg = selftest_minute(detector)
        save_file(
            {
                "eeg": torch.from_numpy(eeg),
                "probability": torch.from_numpy(expected_probabilities(detector, eeg)),
            },
            staging / "selftest.safetensors",
        )
        description = {
            "schema": SCHEMA,
            "brainbrr": __version__,
            "model": detector.model,
            "preparation": asdict(detector.preparation),
            "windowing": asdict(detector.windowing),
            "detection": asdict(detector.detection),
            "provenance": detector.provenance,
        }
        with open_durable(staging / "detector.yaml") as file:
            yaml.safe_dump(description, file, sort_keys=False)
        if folder.exists():
            shutil.rmtree(folder)
        staging.replace(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def load_detector(path: str | Path, *, device: str = "cpu", scan: str = "auto") -> Detector:
    """Load a released detector.

    Args:
        path: the folder `train` wrote, or the run folder that holds it.
        device: `cpu`, `cuda`, `mps`, or a torch device name.
        scan: how Mamba-2 is computed; every way gives the same numbers.

    Raises:
        NoSuchDetector: no `detector.yaml` there.
        InvalidDetector: a changed byte, a foreign key or value, or a newer schema.
    """
    folder = find_detector(path)
    description = _read_description(folder / "detector.yaml")
    model = dict(description["model"])
    try:
        network = build_model(**{**model, **({"scan": scan} if "scan" in model else {})})
        network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
        detector = Detector(
            network.eval().to(device),
            model,
            _preparation(description["preparation"]),
            Windowing(**description["windowing"]),
            Detection(**description["detection"]),
            description["provenance"],
        )
    except (TypeError, KeyError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        raise InvalidDetector(
            "weights and numbers that belong together", f"{folder}: {error}", "Fetch it again."
        ) from error
    return detector


def selftest(detector_folder: str | Path, detector: Detector) -> float:
    """Largest difference between the probabilities of this machine and the stored ones.

    Raises:
        InvalidDetector: the self-test is missing or damaged.
    """
    file = find_detector(detector_folder) / "selftest.safetensors"
    try:
        stored = load_file(file)
        eeg, expected = stored["eeg"].numpy(), stored["probability"].numpy()
    except (OSError, KeyError, SafetensorError) as error:
        raise InvalidDetector("a self-test", f"{file}: {error}", "Fetch it again.") from error
    return float(np.max(np.abs(expected_probabilities(detector, eeg) - expected)))


def find_detector(path: str | Path) -> Path:
    """The folder of a detector: `path` itself, or `path/detector` of a run.

    Raises:
        NoSuchDetector: neither holds a `detector.yaml`.
    """
    for folder in (Path(path), Path(path) / "detector"):
        if (folder / "detector.yaml").is_file():
            return folder
    raise NoSuchDetector(
        "a folder with detector.yaml",
        str(path),
        "Name the detector/ folder that `train` wrote.",
    )


def _read_description(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MAX_YAML_BYTES:
        raise InvalidDetector(
            f"a description under {MAX_YAML_BYTES} bytes",
            f"{file.stat().st_size}",
            "Fetch it again.",
        )
    try:
        description = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidDetector("plain YAML", f"{file}: {error}", "Fetch it again.") from error
    if not isinstance(description, dict) or set(description) != KEYS:
        got = sorted(description) if isinstance(description, dict) else type(description).__name__
        raise InvalidDetector(f"the keys {sorted(KEYS)}", f"{got}", "Fetch it again.")
    if description["schema"] != SCHEMA:
        raise InvalidDetector(
            f"schema {SCHEMA}", f"{description['schema']}", "Install the brainbrr that wrote it."
        )
    return description


def _preparation(numbers: dict[str, Any]) -> Preparation:
    return Preparation(**{**numbers, "quality": QualityLimits(**numbers["quality"])})
