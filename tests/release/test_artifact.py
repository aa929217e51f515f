"""A released detector is numbers only, loads to the same numbers, and is refused when changed."""

import copy
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from brainbrr.atomic_io import replace_folder
from brainbrr.data.recordings.recording import Recording
from brainbrr.errors import NotFound
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.inference.detector import Detector
from brainbrr.release import artifact
from brainbrr.release.artifact import load_release, save_release, selftest
from brainbrr.release.description import SCHEMA, WEIGHTS
from brainbrr.release.released_files import read_file
from brainbrr.signal.electrodes import ELECTRODES

GOLDEN = Path(__file__).parent / "golden"


def recording(seconds: float = 25.0) -> Recording:
    generator = np.random.default_rng(3)
    eeg_uv = generator.standard_normal((19, round(256 * seconds))).cumsum(axis=1)
    return Recording(eeg_uv.astype(np.float32), 256.0, ELECTRODES)


def test_the_self_test_is_computed_on_the_cpu_and_the_network_returns(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu = replace(detector, network=copy.deepcopy(detector.network))
    monkeypatch.setattr(artifact, "device_of", lambda _: torch.device("meta"))
    folder = save_release(on_gpu, tmp_path / "detector")
    assert {weight.device.type for weight in on_gpu.network.parameters()} == {"meta"}
    assert selftest(folder, detector) == 0


def test_loads_to_the_same_trace_and_events(detector: Detector, folder: Path) -> None:
    loaded = load_release(folder)
    ours, theirs = detector.trace(recording()), loaded.trace(recording())
    np.testing.assert_array_equal(ours.probability, theirs.probability)
    assert loaded.detection == detector.detection
    assert loaded.annotate(recording()) == detector.annotate(recording())


def test_trace_covers_the_recording_at_its_stated_rate(detector: Detector) -> None:
    trace = detector.trace(recording(25.0))
    assert trace.rate_hz == detector.windowing.trace_rate_hz == 16.0
    assert trace.duration_s == pytest.approx(25.0, abs=1 / 16)
    assert 0 < trace.probability.min() <= trace.probability.max() < 1


def test_a_recording_shorter_than_a_window_is_annotated(detector: Detector) -> None:
    assert detector.trace(recording(4.0)).duration_s == pytest.approx(4.0, abs=1 / 16)


def test_run_folder_is_accepted_in_place_of_its_detector(folder: Path) -> None:
    assert load_release(folder.parent).detection == Detection(on_threshold=0.6, off_threshold=0.3)


def test_saving_again_replaces_and_leaves_nothing_else(detector: Detector, copy: Path) -> None:
    save_release(replace(detector, detection=Detection(on_threshold=0.9, off_threshold=0.9)), copy)
    assert load_release(copy).detection.on_threshold == 0.9
    assert [path.name for path in copy.parent.iterdir()] == ["detector"]


@pytest.fixture
def later(detector: Detector, copy: Path) -> Path:
    """Another release, beside the one it is to replace."""
    changed = replace(detector, detection=Detection(on_threshold=0.9, off_threshold=0.9))
    return save_release(changed, copy.with_name("later"))


def test_a_release_whose_successor_never_stood_is_found_and_named(
    copy: Path, later: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die(self: Path, target: Path) -> None:
        if self == later:
            raise KeyboardInterrupt
        os.rename(self, target)  # noqa: PTH104

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "rename", die)
        replace_folder(later, copy)
    assert not copy.exists()
    for path in (copy, copy.parent):
        assert load_release(path).detection.on_threshold == 0.6
        assert "detector was being replaced; reading the previous" in caplog.text
        caplog.clear()


def test_a_release_replaced_while_it_is_read_is_read_again(
    copy: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced_before_the_weights(folder: Path, name: str, *, root: Path | None) -> bytes:
        if name == WEIGHTS and later.exists():
            replace_folder(later, copy)
        return read_file(folder, name, root=root)

    changed = load_release(later)
    with torch.no_grad():
        next(changed.network.parameters()).mul_(1.5)
    save_release(changed, later)
    monkeypatch.setattr("brainbrr.release.artifact.read_file", replaced_before_the_weights)
    assert load_release(copy).detection.on_threshold == 0.9


def test_saving_through_a_link_replaces_what_it_leads_to(detector: Detector, copy: Path) -> None:
    link = copy.with_name("latest")
    link.symlink_to(copy)
    save_release(replace(detector, detection=Detection(on_threshold=0.9, off_threshold=0.9)), link)
    assert link.is_symlink()
    assert load_release(copy).detection.on_threshold == 0.9


def test_preparation_survives_the_round_trip(detector: Detector, folder: Path) -> None:
    loaded = load_release(folder).preparation
    assert loaded == detector.preparation
    assert loaded.digest == detector.preparation.digest


def test_nothing_in_a_release_can_run(folder: Path) -> None:
    text = (folder / "detector.json").read_text()
    assert "_target_" not in text
    assert "!" not in text
    assert {file.suffix for file in folder.iterdir()} <= {".safetensors", ".md", ".json"}


def test_missing_detector_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        load_release(tmp_path / "nowhere")


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_golden_detector_of_each_schema_gives_its_stored_probabilities(
    schema: int, marks: Path
) -> None:
    folder = GOLDEN / f"schema_{schema}"
    loaded = load_release(folder)
    # Other processors and versions of torch differ in the last bits.
    assert selftest(folder, loaded) < 1e-5
    assert loaded.detection == Detection(on_threshold=0.6, off_threshold=0.3)
    assert loaded.calibration == (Calibration(1.5, -0.25) if schema > 1 else Calibration())


def test_a_detector_of_the_first_schema_is_saved_in_todays(marks: Path, tmp_path: Path) -> None:
    first = load_release(GOLDEN / "schema_1")
    again = load_release(save_release(first, tmp_path / "again"))
    np.testing.assert_array_equal(
        first.trace(recording()).probability, again.trace(recording()).probability
    )
    assert json.loads((tmp_path / "again" / "detector.json").read_text())["schema"] == SCHEMA


def test_an_undefined_number_of_the_provenance_is_null(detector: Detector, tmp_path: Path) -> None:
    provenance = {"best_metric": {"val/loss": float("nan")}, "seeds": [1, float("inf")]}
    folder = save_release(replace(detector, provenance=provenance), tmp_path / "detector")
    loaded = load_release(folder, check=False).provenance
    assert loaded == {"best_metric": {"val/loss": None}, "seeds": [1, None]}


def test_golden_detectors_are_small() -> None:
    assert sum(file.stat().st_size for file in GOLDEN.rglob("*.*")) < 300_000


def test_others_may_read_a_release(folder: Path) -> None:
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in [folder, *folder.iterdir()])
