"""A benchmark entry holds what the benchmark asks for, and its rehearsal sees what would fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brainbrr.errors import InvalidOption
from brainbrr.events.tsv import read_tsv
from brainbrr.export.szcore_entry import (
    TEMPLATES,
    algorithm_of,
    check_algorithm,
    copy_package,
    pinned,
)
from brainbrr.export.szcore_rehearsal import DURATION_S, write_edf
from brainbrr.release.artifact import load_release
from brainbrr.signal.electrodes import ELECTRODES
from tests.export.test_onnx_attacks import small_model

SOUND: dict[str, Any] = {
    "title": "a detector",
    "short_title": "detector",
    "image": "ghcr.io/someone/detector:1",
    "authors": [{"given_names": "A", "family_names": "B"}],
    "license": "Apache-2.0",
    "date_released": "2026-01-31",
}


def test_the_description_passes_the_benchmarks_own_rules() -> None:
    check_algorithm(SOUND)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"image": "detector"}, "registry/name:tag"),
        ({"date_released": "31.1.2026"}, "YYYY-MM-DD"),
        ({"title": ""}, "no text in title"),
        ({"authors": []}, "authors with"),
        ({"authors": [{"orcid": "0"}]}, "authors with"),
        ({"colour": "red"}, "'colour' missing or unknown"),
    ],
)
def test_a_description_the_benchmark_refuses_is_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidOption, match=match):
        check_algorithm(SOUND | change)


def test_the_abstract_states_the_detectors_own_window() -> None:
    detector = load_release("base")
    labels = {**SOUND, "given_names": "A", "family_names": "B"}
    assert "v3 detector of brainbrr: 30 s of 19" in algorithm_of(detector, labels)["abstract"]


def test_requirements_are_pinned_with_all_they_need() -> None:
    found = pinned(("scipy", "onnxruntime"))
    names = {line.split("==")[0] for line in found}
    assert {"scipy", "numpy", "onnxruntime", "protobuf"} <= names
    assert all("==" in line and "+" not in line for line in found)
    assert not names & {"pytest", "torch"}


def test_the_package_copied_is_what_the_program_imports(tmp_path: Path) -> None:
    copy_package(tmp_path / "brainbrr")
    copied = {path.relative_to(tmp_path / "brainbrr") for path in tmp_path.rglob("*.py")}
    assert {
        Path("__init__.py"),
        Path("export/onnx_detector.py"),
        Path("export/__init__.py"),
    } <= copied
    assert Path("data/recordings/edf/reader.py") in copied
    assert not {path.parts[0] for path in copied} & {"training", "models", "cli", "reporting"}
    assert not {"artifact.py", "weights.py", "onnx_export.py"} & {path.name for path in copied}
    assert not list(tmp_path.rglob("corpora/layouts"))


BLOCKED = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "yaml", "mne", "hydra", "lightning"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
program, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = program
runpy.run_path(program, run_name="__main__")
"""


def test_the_program_runs_on_the_copied_package_alone(tmp_path: Path) -> None:
    app, data, output = (tmp_path / name for name in ("app", "data", "output"))
    copy_package(app / "brainbrr")
    shutil.copy(TEMPLATES / "run.py", app)
    (app / "detector.onnx").write_bytes(small_model().SerializeToString())
    data.mkdir()
    output.mkdir()
    write_edf(data / "night.edf", [f"{electrode}-Avg" for electrode in ELECTRODES])
    environment = {"INPUT": "night.edf", "OUTPUT": "night.tsv", "PATH": os.defpath}
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(app / "run.py"), str(data), str(output)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert read_tsv(output / "night.tsv").duration_s == DURATION_S
