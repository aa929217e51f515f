"""One recording into the cache, by whichever process claims it first."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Literal

from brainbrr import __version__
from brainbrr.data.corpora.cache import Entry, Refusal, Stamp, file_sha256, read_entry, write_entry
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.preparation.preparation import Preparation, PreparedHeader, prepare_file
from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)

CLAIMS = ".claims"
ENTRIES = "entries"

_NOT_WRITABLE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, None,
}  # fmt: skip
"""Errors of a disk that is full or closed; None is numpy's, which tells of a short write only."""

State = Literal["prepared", "refused", "held", "busy", "stale"]


class CacheNotWritable(BrainbrrError):
    """A cache on a full or read-only disk."""


@dataclass(frozen=True)
class Job:
    """One recording to prepare.

    Attributes:
        source: path below the corpus root.
        folder: of the corpus in the cache.
        rebuild: prepare it even where the cache holds it.
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
class Outcome:
    """What became of a job: `held` was there, `busy` is claimed elsewhere, `stale` has changed."""

    state: State
    detail: str = ""


def entry_path(folder: Path, recording_id: str) -> Path:
    """Where the cache keeps what it knows of a recording."""
    return folder / ENTRIES / f"{recording_id}.json"


def current(job: Job) -> Entry | None:
    """The entry that answers the job, the files judged by their sizes and times; else None."""
    entry = read_entry(entry_path(job.folder, job.recording_id))
    if entry is None or entry.source != _stamp(job.path):
        return None
    if entry.refusal is not None:
        return entry if entry.version == __version__ else None
    return entry if entry.cached == _stamp(job.folder / job.cache_file) else None


def run_job(job: Job, *, wait: bool) -> Outcome:
    """Prepare one recording unless the cache holds it or another process is at it.

    Raises:
        CacheNotWritable: the disk is full or read-only.
    """
    with (
        cache_writable(job.folder),
        claim(job.folder / CLAIMS, job.recording_id, wait=wait) as claimed,
    ):
        if claimed == "busy":
            return Outcome("busy")
        if not job.rebuild:
            outcome = _answer(job)
            if outcome is not None:
                return outcome
        if claimed == "held":
            _remove_remains(job)
        entry = _prepared(job)
        write_entry(entry, entry_path(job.folder, job.recording_id))
    return Outcome("refused" if entry.refusal else "prepared")


@contextmanager
def cache_writable(folder: Path) -> Iterator[None]:
    """Turn a full or read-only disk into its refusal."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        raise CacheNotWritable(
            "room and permission to write the cache",
            f"{error.strerror or error} in {folder}",
            "Free space, or set paths.cache to another disk. What is prepared already stays.",
        ) from error


def _answer(job: Job) -> Outcome | None:
    """The cache's answer, files compared by content where their times differ; None for none."""
    if current(job) is not None:
        return Outcome("held")
    path = entry_path(job.folder, job.recording_id)
    entry = read_entry(path)
    if entry is None or entry.row is None or not (job.folder / job.cache_file).exists():
        return None
    try:
        unchanged = file_sha256(job.path) == entry.row.source_sha256
    except OSError as error:
        return Outcome("stale", f"{job.source}: {type(error).__name__}")
    if not unchanged:
        return Outcome("stale", f"{job.source} (the recording)")
    cached = job.folder / job.cache_file
    if file_sha256(cached) != entry.row.cache_sha256:
        return Outcome("stale", f"{job.source} (its cached signal)")
    write_entry(replace(entry, source=Stamp.of(job.path), cached=Stamp.of(cached)), path)
    return Outcome("held")


def _prepared(job: Job) -> Entry:
    target = job.folder / job.cache_file
    stamp = _stamp(job.path)
    try:
        source_sha256 = file_sha256(job.path)
    except OSError as error:
        # The name of the error only: its text holds a path outside the corpus for a broken link.
        return _refused(stamp, "UnreadableSource", type(error).__name__)
    try:
        header = prepare_file(job.path, job.preparation, target)
    except BrainbrrError as error:
        detail = error.detail
        detail = detail.replace(str(job.path), job.source)
        return _refused(stamp, type(error).__name__, detail)
    row = _row(job, header, source_sha256, file_sha256(target))
    return Entry(stamp, row, Stamp.of(target), None, __version__)


def _refused(stamp: Stamp | None, reason: str, detail: str) -> Entry:
    return Entry(stamp, None, None, Refusal(reason, detail), __version__)


def _row(job: Job, header: PreparedHeader, source_sha256: str, cache_sha256: str) -> ManifestRow:
    return ManifestRow(
        recording_id=job.recording_id,
        corpus=job.corpus,
        subject="",
        session="",
        split="",
        source=job.source,
        source_sha256=source_sha256,
        duration_s=float(header.duration_s),
        source_rate_hz=float(header.source_rate_hz),
        source_channels=list(header.source_labels),
        observed=[bool(seen) for seen in header.observed],
        interpolated=list(header.interpolated),
        reference=header.reference,
        mains_hz=None if header.mains_hz is None else float(header.mains_hz),
        gaps=[[float(edge) for edge in gap] for gap in header.gaps],
        bad_spans=[list(span) for span in header.bad_spans],
        center_uv=[float(value) for value in header.center_uv],
        scale_uv=[float(value) for value in header.scale_uv],
        events=None,
        cache_file=job.cache_file,
        cache_sha256=cache_sha256,
        preparation_digest=job.preparation.digest,
    )


def _remove_remains(job: Job) -> None:
    """Remove half-written files of this recording; nobody else writes them under its claim."""
    for folder in (job.folder, job.folder / ENTRIES):
        for path in folder.glob(f".{escape(job.recording_id)}.*.tmp*"):
            path.unlink(missing_ok=True)


def _stamp(path: Path) -> Stamp | None:
    try:
        return Stamp.of(path)
    except OSError:
        return None
