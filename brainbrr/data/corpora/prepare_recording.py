"""Prepare one recording into the cache, by whichever process locks it first."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Literal

from brainbrr import __version__
from brainbrr.data.corpora.cache import (
    CacheEntry,
    FileStat,
    RefusedEntry,
    file_sha256,
    read_entry,
    write_entry,
)
from brainbrr.data.preparation.preparation import Preparation, prepare_file
from brainbrr.errors import BrainbrrError, Failed
from brainbrr.file_lock import lock

LOCK_FILE = ".claims"
ENTRIES = "entries"

_NOT_WRITABLE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, None,
}  # fmt: skip
"""Errors of a full or read-only disk; None is numpy's error of a short write."""

State = Literal["prepared", "refused", "held", "busy", "stale"]


@dataclass(frozen=True)
class Job:
    """One recording to prepare.

    Attributes:
        source: path relative to the corpus root.
        folder: of the corpus in the cache.
        rebuild: prepare it even if the cache holds it.
    """

    recording_id: str
    path: Path
    source: str
    corpus: str
    preparation: Preparation
    folder: Path
    rebuild: bool = False

    @property
    def cache_file(self) -> str:
        """File name of the signal."""
        return f"{self.recording_id}.npy"


@dataclass(frozen=True)
class JobResult:
    """The result of a job: `held` was in the cache, `busy` is locked by another process, `stale`
    has changed."""

    state: State
    detail: str = ""


def entry_path(folder: Path, recording_id: str) -> Path:
    """Return the path of a recording's entry in the cache."""
    return folder / ENTRIES / f"{recording_id}.json"


def current_entry(job: Job) -> CacheEntry | RefusedEntry | None:
    """Return the job's entry if size and time of its files are unchanged; otherwise None."""
    entry = read_entry(entry_path(job.folder, job.recording_id))
    if entry is None or entry.source_stat != _stat(job.path):
        return None
    if isinstance(entry, RefusedEntry):
        return entry if entry.version == __version__ else None
    return entry if entry.cache_stat == _stat(job.folder / job.cache_file) else None


def run_job(job: Job, *, wait: bool) -> JobResult:
    """Prepare one recording unless the cache holds it or another process is preparing it.

    Raises:
        Failed: the disk is full or read-only.
    """
    with (
        cache_writable(job.folder),
        lock(job.folder / LOCK_FILE, job.recording_id, wait=wait) as state,
    ):
        if state == "busy":
            return JobResult("busy")
        if not job.rebuild:
            result = _from_cache(job)
            if result is not None:
                return result
        if state == "held":
            _remove_partial_files(job)
        entry = _prepare(job)
        write_entry(entry, entry_path(job.folder, job.recording_id))
    return JobResult("refused" if isinstance(entry, RefusedEntry) else "prepared")


@contextmanager
def cache_writable(folder: Path) -> Iterator[None]:
    """Turn the errors of a full or read-only disk into `Failed`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        raise Failed(
            "room and permission to write the cache",
            f"{error.strerror or error} in {folder}",
            "Free space, or set paths.cache to another disk. What is already prepared stays.",
        ) from error


def _from_cache(job: Job) -> JobResult | None:
    """Look the job up in the cache; None if it has to be prepared.

    Files whose times differ are compared by content, so that copying a corpus does not prepare it
    again, and a changed recording is reported instead of silently replaced.
    """
    if current_entry(job) is not None:
        return JobResult("held")
    path, cached = entry_path(job.folder, job.recording_id), job.folder / job.cache_file
    entry = read_entry(path)
    if not isinstance(entry, CacheEntry) or not cached.exists():
        return None
    try:
        unchanged = file_sha256(job.path) == entry.source_sha256
    except OSError as error:
        return JobResult("stale", f"{job.source}: {type(error).__name__}")
    if not unchanged:
        return JobResult("stale", f"{job.source} (the recording)")
    if file_sha256(cached) != entry.cache_sha256:
        return JobResult("stale", f"{job.source} (its cached signal)")
    source_stat, cache_stat = FileStat.of(job.path), FileStat.of(cached)
    write_entry(replace(entry, source_stat=source_stat, cache_stat=cache_stat), path)
    return JobResult("held")


def _prepare(job: Job) -> CacheEntry | RefusedEntry:
    target = job.folder / job.cache_file
    try:
        # The stat first: a file that changes while it is read no longer matches its entry.
        source_stat, source_sha256 = FileStat.of(job.path), file_sha256(job.path)
    except OSError as error:
        # The name of the error only: its text holds a path outside the corpus for a broken link.
        reason, detail = "UnreadableSource", type(error).__name__
        return RefusedEntry(_stat(job.path), reason, detail, __version__)
    try:
        signal = prepare_file(job.path, job.preparation, target)
    except BrainbrrError as error:
        detail = error.detail.replace(str(job.path), job.source)
        return RefusedEntry(source_stat, type(error).__name__, detail, __version__)
    return CacheEntry(
        **vars(signal),
        recording_id=job.recording_id,
        corpus=job.corpus,
        source=job.source,
        source_sha256=source_sha256,
        source_stat=source_stat,
        cache_file=job.cache_file,
        cache_sha256=file_sha256(target),
        cache_stat=FileStat.of(target),
        preparation_digest=job.preparation.digest,
        version=__version__,
    )


def _remove_partial_files(job: Job) -> None:
    """Remove partial files of this recording; only the holder of its lock writes them."""
    for folder in (job.folder, job.folder / ENTRIES):
        for path in folder.glob(f".{escape(job.recording_id)}.*.tmp*"):
            path.unlink(missing_ok=True)


def _stat(path: Path) -> FileStat | None:
    try:
        return FileStat.of(path)
    except OSError:
        return None
