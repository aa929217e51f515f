"""Atomic files and folders: written next to their target, flushed to disk, then renamed."""

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from brainbrr.errors import InUse

_ATTEMPTS = 5


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file next to `path`; on success fsync it and move it over `path`, on failure
    remove it.

    A reader never sees a partial file, and a crash at any instant leaves either the previous
    content or the new one. A link is not followed, and never replaced.

    Raises:
        InUse: a device, pipe, folder or link is at `path`.
    """
    path = Path(path)
    require_regular_or_absent(path)
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


def require_regular_or_absent(path: Path) -> None:
    """Refuse a path at which a rename would destroy more than a file's content.

    Raises:
        InUse: a device, pipe, folder or link is there.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode):
        raise InUse(
            "a regular file or none", f"{path}, which is another kind of file", "Name another path."
        )


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename inside it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_folder(new: Path, folder: Path) -> None:
    """Move `new`, a complete folder next to `folder`, to its path, and remove the previous one.

    No file system can rename one folder over another, so the previous one is first moved aside to a
    name that `current_folder` recognizes. Of several concurrent writers the last one wins.
    """
    while True:
        # Only folders moved aside before ours took its place may be removed: another writer may
        # move ours aside at once, and die before its own is in place.
        obsolete = _previous_folders(folder)
        aside = folder.with_name(f"{_previous_prefix(folder)}{time.time_ns()}-{os.getpid()}")
        if folder.is_dir():
            with suppress(FileNotFoundError):  # Another writer was faster.
                folder.rename(aside)
                obsolete.append(aside)
        try:
            new.rename(folder)
            break
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                continue  # Another writer's folder is there by now.
            with suppress(OSError):
                aside.rename(folder)
            raise
    sync_folder(folder.parent)
    for previous in obsolete:
        shutil.rmtree(previous, ignore_errors=True)


def current_folder(folder: Path) -> Path | None:
    """Return `folder`, or the previous version if a writer died before the new one was in place.

    None if neither exists.
    """
    for _ in range(_ATTEMPTS):
        if folder.is_dir():
            return folder
        if previous := _previous_folders(folder):
            return previous[-1]
        # Between the two checks a writer may have finished.
    return None


def _previous_folders(folder: Path) -> list[Path]:
    """List the folders that writers moved aside, oldest first."""
    if not folder.parent.is_dir():
        return []
    prefix = _previous_prefix(folder)
    return sorted(path for path in folder.parent.iterdir() if path.name.startswith(prefix))


def _previous_prefix(folder: Path) -> str:
    return f".{folder.name}.former-"
