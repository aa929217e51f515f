"""A released detector is numbers only, loads to the same numbers, and is refused when changed."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from brainbrr.data.preparation import Preparation
from brainbrr.data.recording import Recording
from brainbrr.data.window_index import Windowing
from brainbrr.events.detection import Detection
from brainbrr.inference.artifact import (
    InvalidDetector,
    NoSuchDetector,
    load_detector,
    save_detector,
    selftest,
)
from brainbrr.inference.detector import TRACE_RATE_HZ, Detector
from brainbrr.models.registry import build_model, read_model
from brainbrr.signal.electrodes import ELECTRODES


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
    return save_detector(detector, tmp_path_factory.mktemp("release") / "detector")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "detector"))


def recording(seconds: float = 25.0) -> Recording:
    generator = np.random.default_rng(3)
    eeg_uv = generator.standard_normal((19, round(256 * seconds))).cumsum(axis=1)
    return Recording(eeg_uv.astype(np.float32), 256.0, ELECTRODES)


def test_loads_to_the_same_trace_and_events(detector: Detector, folder: Path) -> None:
    loaded = load_detector(folder)
    ours, theirs = detector.trace(recording()), loaded.trace(recording())
    np.testing.assert_array_equal(ours.probability, theirs.probability)
    assert loaded.detection == detector.detection
    assert loaded.annotate(recording()) == detector.annotate(recording())


def test_trace_covers_the_recording_at_its_stated_rate(detector: Detector) -> None:
    trace = detector.trace(recording(25.0))
    assert trace.rate_hz == TRACE_RATE_HZ
    assert trace.duration_s == pytest.approx(25.0, abs=1 / TRACE_RATE_HZ)
    assert 0 < trace.probability.min() <= trace.probability.max() < 1


def test_a_recording_shorter_than_a_window_is_annotated(detector: Detector) -> None:
    assert detector.trace(recording(4.0)).duration_s == pytest.approx(4.0, abs=1 / TRACE_RATE_HZ)


def test_selftest_agrees_here_and_sees_changed_weights(detector: Detector, folder: Path) -> None:
    assert selftest(folder, load_detector(folder)) == 0.0
    changed = load_detector(folder)
    with torch.no_grad():
        next(changed.network.parameters()).mul_(1.5)
    assert selftest(folder, changed) > 1e-6


def test_run_folder_is_accepted_in_place_of_its_detector(folder: Path) -> None:
    assert load_detector(folder.parent).detection == Detection(on_threshold=0.6, off_threshold=0.3)


def test_saving_again_replaces_and_leaves_nothing_else(detector: Detector, copy: Path) -> None:
    save_detector(replace(detector, detection=Detection(on_threshold=0.9, off_threshold=0.9)), copy)
    assert load_detector(copy).detection.on_threshold == 0.9
    assert [path.name for path in copy.parent.iterdir()] == ["detector"]


def test_preparation_survives_the_round_trip(detector: Detector, folder: Path) -> None:
    loaded = load_detector(folder).preparation
    assert loaded == detector.preparation
    assert loaded.digest == detector.preparation.digest


def test_nothing_in_a_release_can_run(folder: Path) -> None:
    text = (folder / "detector.yaml").read_text()
    assert "_target_" not in text
    assert "!" not in text
    assert {file.suffix for file in folder.iterdir()} <= {".safetensors", ".yaml", ".md", ".json"}


def test_missing_detector_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NoSuchDetector, match="nowhere"):
        load_detector(tmp_path / "nowhere")


def _edited(folder: Path, change: dict[str, Any]) -> Path:
    file = folder / "detector.yaml"
    description = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(description | change))
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "schema 1"),
        ({"extra": 1}, "the keys"),
        ({"model": {"family": "os.system"}}, "os.system"),
        ({"model": {"_target_": "os.system", "family": "v3"}}, "_target_"),
        ({"model": {}}, "family"),
        ({"detection": {"on_threshold": 0.2, "off_threshold": 0.9}}, "off 0.9"),
        ({"windowing": {"rate_hz": 256.0}}, "window_s"),
        ({"preparation": {"rate": 1, "quality": {}}}, "rate"),
        ({"preparation": {"rate_hz": 256.0}}, "quality"),
    ],
)
def test_foreign_values_are_refused(copy: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message) as refusal:
        load_detector(_edited(copy, change))
    assert type(refusal.value).__mro__[1].__name__ == "BrainbrrError"


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system ['true']", "[1, 2", "a: &a [*a]", "\x00", "just text"]
)
def test_hostile_yaml_is_refused(copy: Path, text: str) -> None:
    (copy / "detector.yaml").write_text(text)
    with pytest.raises(InvalidDetector):
        load_detector(copy)


def test_huge_yaml_is_refused_unread(copy: Path) -> None:
    (copy / "detector.yaml").write_text("a: " + "x" * 1_000_001)
    with pytest.raises(InvalidDetector, match="under 1000000 bytes"):
        load_detector(copy)


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\xff" * 64])
def test_damaged_weights_are_refused(copy: Path, content: bytes) -> None:
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(InvalidDetector, match="belong together"):
        load_detector(copy)


def test_weights_of_another_size_are_refused(copy: Path) -> None:
    description = yaml.safe_load((copy / "detector.yaml").read_text())
    wider = description["model"] | {"node_layers": 2}
    with pytest.raises(InvalidDetector, match="belong together"):
        load_detector(_edited(copy, {"model": wider}))


def test_loading_runs_no_code_beyond_this_package(folder: Path) -> None:
    watched = {
        "os.system",
        "subprocess.Popen",
        "socket.connect",
        "exec",
        "os.exec",
        "pickle.find_class",
    }
    seen: list[str] = []
    listening = True

    def listen(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event in watched:
            seen.append(f"{event} {arguments[:1]}")

    load_detector(folder)
    sys.addaudithook(listen)
    load_detector(folder)
    listening = False
    assert seen == []
