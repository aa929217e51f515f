"""Files and folders are whole or absent."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brainbrr.atomic_io import atomic_write, current_folder, replace_folder
from brainbrr.errors import InUse

ACTIONS = 3
"""The former folder steps aside, the new one takes its place, the former one goes."""
DIE = """
import os, sys
from pathlib import Path
from brainbrr.atomic_io import replace_folder

left = int(sys.argv[1])

def die(event, arguments):
    global left
    if event in ("os.rename", "shutil.rmtree"):
        if left == 0:
            os._exit(9)
        left -= 1

sys.addaudithook(die)
replace_folder(Path(sys.argv[2]), Path(sys.argv[3]))
"""
SWAP = """
import sys
from pathlib import Path
from brainbrr.atomic_io import replace_folder

home = Path(sys.argv[1])
for number in range(200):
    new = home / f"new-{sys.argv[2]}-{number}"
    new.mkdir()
    (new / "content").write_text(sys.argv[2])
    replace_folder(new, home / "release")
"""


def test_content_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with atomic_write(target) as file:
        file.write("whole\n")
        assert not target.exists()
    assert target.read_text() == "whole\n"


def test_failure_keeps_the_former_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"former")
    with pytest.raises(ZeroDivisionError), atomic_write(target, "wb") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert target.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [target]


def folder_of(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "content").write_text(content)
    return path


def test_a_folder_takes_the_place_of_another_and_leaves_nothing_else(tmp_path: Path) -> None:
    release = folder_of(tmp_path / "release", "former")
    replace_folder(folder_of(tmp_path / "new", "later"), release)
    assert (release / "content").read_text() == "later"
    assert list(tmp_path.iterdir()) == [release]


@pytest.mark.parametrize("n_actions", range(ACTIONS + 1))
def test_a_kill_between_any_two_actions_leaves_one_of_the_two_whole(
    tmp_path: Path, n_actions: int
) -> None:
    release, new = folder_of(tmp_path / "release", "former"), folder_of(tmp_path / "new", "later")
    command = [sys.executable, "-c", DIE, str(n_actions), str(new), str(release)]
    assert subprocess.run(command, check=False).returncode == (9 if n_actions < ACTIONS else 0)
    standing = current_folder(release)
    assert standing is not None
    assert (standing / "content").read_text() == ("former" if n_actions < ACTIONS - 1 else "later")
    replace_folder(folder_of(tmp_path / "again", "latest"), release)
    assert (release / "content").read_text() == "latest"
    assert {path.name for path in tmp_path.iterdir()} <= {"release", "new"}


def test_a_folder_that_cannot_take_the_place_leaves_the_former_there(tmp_path: Path) -> None:
    release = folder_of(tmp_path / "release", "former")
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "absent", release)
    assert (release / "content").read_text() == "former"


def test_two_writers_at_once_and_a_reader_who_always_finds_one(tmp_path: Path) -> None:
    release = folder_of(tmp_path / "release", "first")
    writers = [
        subprocess.Popen([sys.executable, "-c", SWAP, str(tmp_path), name]) for name in ("a", "b")
    ]
    n_looks = 0
    while any(writer.poll() is None for writer in writers):
        assert current_folder(release) is not None
        n_looks += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert n_looks > 0
    assert (release / "content").read_text() in {"a", "b"}
    assert list(tmp_path.iterdir()) == [release]


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_link(path: Path) -> None:
    kept = path.with_name("kept")
    kept.write_text("kept")
    path.symlink_to(kept)


@pytest.mark.parametrize("make", [make_pipe, make_link, Path.mkdir])
def test_only_a_regular_file_is_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "output"
    make(path)
    before = path.lstat().st_ino, sorted(tmp_path.iterdir())
    with (
        pytest.raises(InUse, match="a regular file or none; got .*another kind of file"),
        atomic_write(path) as file,
    ):
        file.write("new")
    assert (path.lstat().st_ino, sorted(tmp_path.iterdir())) == before
