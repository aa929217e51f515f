"""A small released detector, and where passed self-tests are remembered."""

import shutil
from pathlib import Path

import pytest
import torch

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.detection import Detection
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model, read_model
from brainbrr.release.artifact import save_release


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of one's own, where passed self-tests are remembered."""
    monkeypatch.setattr("brainbrr.release.selftest.cache_folder", lambda: tmp_path / "c/native")
    return tmp_path / "c" / "selftests"


@pytest.fixture(scope="module")
def detector() -> Detector:
    torch.manual_seed(0)
    family, numbers = read_model("v3_tiny")
    return Detector(
        build_model(family, **numbers).eval(),
        {"family": family, **numbers},
        Preparation(),
        Windowing(256.0, 10.0, 5.0),
        Detection(on_threshold=0.6, off_threshold=0.3),
        {"tuned_on": "nothing"},
    )


@pytest.fixture(scope="module")
def folder(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_release(detector, tmp_path_factory.mktemp("release") / "detector")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "detector"))
