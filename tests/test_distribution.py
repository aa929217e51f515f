"""What is installed and what is published holds the shipped detectors, byte for byte."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.release.shipped import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
RELEASED = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for path in sorted(SHIPPED.rglob("*"))
    if path.is_file()
}
MAX_WHEEL_BYTES = 20_000_000


def test_the_shipped_files_are_found() -> None:
    assert {f"brainbrr/detectors/base/{name}" for name in (
        "model.safetensors", "detector.json", "selftest.safetensors")} <= set(RELEASED)  # fmt: skip


def test_the_wheel_carries_the_detectors_and_the_configuration(tmp_path: Path) -> None:
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    (wheel,) = builder.build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {name: archive.read(name) for name in RELEASED} == RELEASED
    configurations = {
        f"brainbrr/_conf/{path.relative_to(CONF_FOLDER).as_posix()}"
        for path in CONF_FOLDER.rglob("*.yaml")
    }
    assert configurations <= names
    # The images of Modal install these versions.
    assert {"brainbrr/_constraints/cpu.txt", "brainbrr/_constraints/cu121.txt"} <= names
    assert not [name for name in names if name.startswith(("tests/", "examples/", "demo/"))]
    assert Path(wheel).stat().st_size < MAX_WHEEL_BYTES


def test_the_source_distribution_carries_the_detectors_and_the_examples(tmp_path: Path) -> None:
    builder = pytest.importorskip("hatchling.builders.sdist").SdistBuilder(str(ROOT))
    (source,) = builder.build(directory=str(tmp_path), versions=["standard"])
    wanted = set(RELEASED) | {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").iterdir()
    }
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted | {"Makefile", "conf/experiment/quickstart.yaml", "README.md"} <= names
