"""Compiling at first use: whole or not at all, never an error, never another machine's code."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from brainbrr.kernels.c import build, operators
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.c.build import NoCKernels, cache_folder, load_library

needs_compiler = pytest.mark.skipif(not available(), reason="no C compiler on this machine")


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache and a loader that has loaded nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_library.cache_clear()
    yield tmp_path / "brainbrr" / "native"
    load_library.cache_clear()


def quick_source(folder: Path, monkeypatch, text: str) -> None:
    folder.mkdir()
    (folder / "quick.c").write_text(text)
    monkeypatch.setattr(build, "SOURCE_FOLDER", folder)


@needs_compiler
def test_first_use_compiles_and_the_second_finds_it(fresh, tmp_path, monkeypatch):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    assert load_library().answer() == 42
    (library,) = fresh.iterdir()
    stamp = library.stat().st_mtime_ns
    load_library.cache_clear()
    assert load_library().answer() == 42
    assert [path.stat().st_mtime_ns for path in fresh.iterdir()] == [stamp]


@needs_compiler
@pytest.mark.parametrize("changed", ["source", "flags", "machine"])
def test_whatever_changes_the_code_changes_the_key(fresh, tmp_path, monkeypatch, changed):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    load_library()
    load_library.cache_clear()
    compiler, flags, machine = build._choose_compiler()
    if changed == "source":
        (tmp_path / "source" / "more.h").write_text("#define MORE")
    elif changed == "flags":
        monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-DMORE"))
    else:
        other = machine + b"#define __ANOTHER_PROCESSOR__ 1\n"
        monkeypatch.setattr(build, "_choose_compiler", lambda: (compiler, flags, other))
    load_library()
    assert len(list(fresh.iterdir())) == 2


def test_no_compiler_is_said_once_and_is_no_error(fresh, monkeypatch, caplog):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert not available()
        assert not available()
    assert caplog.messages == ["C kernels unavailable: none of cc, gcc, clang on the search path"]
    with pytest.raises(NoCKernels, match=r"none of cc.*model\.scan=chunked"):
        operators.norm(torch.ones(1, 2, 8), torch.ones(2), torch.zeros(2), 1.0, False)


@needs_compiler
def test_a_failed_compile_gives_the_compilers_reason(fresh, tmp_path, monkeypatch, caplog):
    quick_source(tmp_path / "source", monkeypatch, "this is not C;")
    with caplog.at_level(logging.WARNING, "brainbrr.kernels.c.build"):
        assert not available()
    assert len(caplog.messages) == 1
    assert "error" in caplog.text
    assert list(fresh.iterdir()) == []  # nothing half-made left behind


def test_a_compiler_that_does_not_run_gives_its_reason(fresh, tmp_path, monkeypatch, caplog):
    broken = tmp_path / "cc"
    broken.write_text("no program")
    monkeypatch.setattr(shutil, "which", lambda name: str(broken))
    assert not available()
    assert "does not run" in caplog.text


@needs_compiler
def test_without_a_writable_cache_it_compiles_for_this_run(fresh, tmp_path, monkeypatch, caplog):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    (tmp_path / "brainbrr").write_text("a file where the folder should be")
    assert load_library().answer() == 42
    assert "compiled for this run only" in caplog.text


@needs_compiler
def test_a_damaged_library_in_the_cache_is_not_trusted(fresh, tmp_path, monkeypatch, caplog):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    monkeypatch.setattr(build, "_digest", lambda *_: "damaged")
    fresh.mkdir(parents=True)
    library = fresh / "damaged.so"
    library.write_bytes(b"half a library")
    assert load_library().answer() == 42
    assert str(library) in caplog.text


@needs_compiler
def test_nowhere_to_write_at_all_is_no_error(fresh, tmp_path, monkeypatch, caplog):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    (tmp_path / "brainbrr").write_text("")
    monkeypatch.setattr(build.tempfile, "tempdir", str(tmp_path / "brainbrr"))
    assert not available()
    assert "no folder to compile in" in caplog.text


@needs_compiler
def test_processes_that_compile_at_once_both_work_and_leave_one_library(
    fresh, tmp_path, monkeypatch
):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    program = (
        "import pathlib; from brainbrr.kernels.c import build;"
        f"build.SOURCE_FOLDER = pathlib.Path({str(tmp_path / 'source')!r});"
        "assert build.load_library().answer() == 42"
    )
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert [path.suffix for path in fresh.iterdir()] == [".so"]


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_cache_follows_the_xdg_rules(monkeypatch, tmp_path, value):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / ".cache" / "brainbrr" / "native"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere" / "brainbrr" / "native"


@needs_compiler
def test_a_user_without_a_home_still_gets_the_kernels(fresh, tmp_path, monkeypatch, caplog):
    quick_source(tmp_path / "source", monkeypatch, "int answer(void) { return 42; }")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(build.os.path, "expanduser", lambda path: path)
    assert load_library().answer() == 42
    assert "no home folder" in caplog.text
