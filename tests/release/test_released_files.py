"""Files of a release, and none besides."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.detection import Detection
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model, read_model
from brainbrr.release.artifact import load_release, save_release


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


def test_files_that_are_not_part_of_a_release_are_named_and_not_opened(
    copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (copy / "card.md").write_text("a card")
    assert load_release(copy, check=False)
    assert not caplog.records
    os.mkfifo(copy / "weights\x1b.bin")
    assert load_release(copy, check=False)
    assert "ignored, not part of a release: ['weights\\x1b.bin']" in caplog.text
