"""The detectors that the package carries are found by name, everywhere, and nothing else is."""

import logging
import shutil
from pathlib import Path

import pytest

import brainbrr
from brainbrr.errors import NotFound
from brainbrr.release.artifact import find_release, load_release, selftest
from brainbrr.release.released_files import DESCRIPTION
from brainbrr.release.selftest import TOLERANCE
from brainbrr.release.shipped import SHIPPED, find_shipped, shipped_names


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_release_loads_and_passes_its_self_test_without_a_network(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marks: Path
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a shipped detector needs no network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)
    detector = brainbrr.load_detector(name)
    assert len(list(marks.iterdir())) == 1
    loaded = load_release(name, check=False)
    assert loaded.identity == detector.identity
    assert selftest(name, loaded) <= TOLERANCE


def test_base_is_shipped_inside_the_package() -> None:
    assert "base" in shipped_names()
    assert Path(brainbrr.__file__).parent / "detectors" / "base" == find_release("base")


def test_any_folder_that_holds_a_release_is_a_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainbrr.release.shipped.SHIPPED", tmp_path)
    assert shipped_names() == []
    shutil.copytree(folder, tmp_path / "adults.v2")
    (tmp_path / "notes").mkdir()
    assert shipped_names() == ["adults.v2"]
    assert load_release("adults.v2", check=False).provenance == {"tuned_on": "nothing"}
    assert find_shipped("notes") is None


def test_a_name_means_the_shipped_one_although_a_folder_is_called_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    assert find_release("base") == SHIPPED / "base"
    assert not caplog.records
    shutil.copytree(folder, tmp_path / "base" / "detector")
    assert find_release("base") == SHIPPED / "base"
    assert "detector=base is the shipped one; write ./base for the folder" in caplog.text
    caplog.clear()
    local = load_release(folder, check=False).identity
    for path in ("./base", "base/detector", "base/../base", Path("base"), tmp_path / "base"):
        assert load_release(path, check=False).identity == local
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "name",
    ["bsae", "Base", "base ", " base", "base/", "./base", "base/.", "base/..", "../base",
     "../detectors/base", "base/detector", "base/../base", "base\\..\\base", "", ".", "..",
     f"base/{DESCRIPTION}", "base\0", "~/base", "*"],
)  # fmt: skip
def test_nothing_but_a_name_reaches_what_is_shipped(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_shipped(name) is None
    with pytest.raises(NotFound, match=r"expected a shipped detector \(.*base.*\) or a folder"):
        brainbrr.load_detector(name)


def test_a_relative_path_is_one_of_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(SHIPPED / "base")
    assert find_release("../base").resolve() == SHIPPED / "base"
    monkeypatch.chdir(SHIPPED)
    assert find_release("base/../base").resolve() == SHIPPED / "base"
