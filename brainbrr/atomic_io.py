"""Files and folders that are whole or absent: written beside their target, flushed to disk, then
renamed."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

LOOKS = 5


@contextmanager
def open_durable(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; on success fsync it and move it over `path`, on failure
    remove it.

    A reader never sees half a file, and a crash at any instant leaves the former content or the new
    one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
        with temporary.open(mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename inside it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_folder(new: Path, folder: Path) -> None:
    """Move `new`, a whole folder beside `folder`, to its place; what stood there goes last.

    No file system can be asked to put one folder over another, so the former one steps aside under
    a name that `standing_folder` knows. Others may do the same at the same time: the last one wins.
    """
    while True:
        # Only what was aside before ours stands is older than ours: another writer may step ours
        # aside at once, and die before its own stands.
        done_with = _former(folder)
        aside = folder.with_name(f"{_former_prefix(folder)}{time.time_ns()}-{os.getpid()}")
        if folder.is_dir():
            with suppress(FileNotFoundError):  # Another writer was faster.
                folder.rename(aside)
                done_with.append(aside)
        try:
            new.rename(folder)
            break
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                continue  # Another writer's stands there by now.
            with suppress(OSError):
                aside.rename(folder)
            raise
    sync_folder(folder.parent)
    for former in done_with:
        shutil.rmtree(former, ignore_errors=True)


def standing_folder(folder: Path) -> Path | None:
    """`folder`, or the former one where a writer died before the new one stood; None where neither
    is there."""
    for _ in range(LOOKS):
        if folder.is_dir():
            return folder
        if former := _former(folder):
            return former[-1]
        # Between the two looks a writer may have finished.
    return None


def _former(folder: Path) -> list[Path]:
    """What writers moved aside, the oldest first."""
    if not folder.parent.is_dir():
        return []
    prefix = _former_prefix(folder)
    return sorted(path for path in folder.parent.iterdir() if path.name.startswith(prefix))


def _former_prefix(folder: Path) -> str:
    return f".{folder.name}.former-"
