"""The cache: one memory-mapped int16 signal a recording, and an entry that says what it holds."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from brainbrr.atomic_io import atomic_write
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.errors import BrainbrrError
from brainbrr.signal.electrodes import N_ELECTRODES


class StaleCache(BrainbrrError):
    """A cached signal that is not what its manifest row says."""


@dataclass(frozen=True)
class Stamp:
    """Size and time of last change of a file: while they stay, its content is taken as the same."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """The stamp of a file as it is now."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Refusal:
    """Why a recording is in quarantine."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Entry:
    """What is known of one recording in the cache: its signal, or why there is none.

    Attributes:
        source: the recording's file as it was read; None where it could not be opened.
        row: the manifest row, without labels and split, which are read anew each time; None for a
            refusal.
        cached: the cached signal's file; None for a refusal.
        refusal: why there is no signal.
        version: of brainbrr; what one version refused, another tries again.
    """

    source: Stamp | None
    row: ManifestRow | None = None
    cached: Stamp | None = None
    refusal: Refusal | None = None
    version: str = ""


def open_signal(row: ManifestRow, cache_folder: Path, *, verify: bool = True) -> np.memmap:
    """One recording's prepared EEG, read from disk as it is used.

    Args:
        row: its manifest row.
        cache_folder: the folder of that manifest.
        verify: compare the file's SHA-256 with the row; done once a process for each file, about a
            second a gigabyte.

    Returns:
        Read-only int16, shape `(19, samples)`, steps of `brainbrr.signal.quantization.STEP_UV`
        microvolts.

    Raises:
        StaleCache: the file is missing, cut short, of another shape, or its content has changed.
    """
    path = Path(cache_folder) / row.cache_file
    try:
        signal = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _stale(row, type(error).__name__) from error
    if signal.dtype != np.int16 or signal.ndim != 2 or signal.shape[0] != N_ELECTRODES:
        raise _stale(row, f"{signal.dtype} of shape {signal.shape}")
    if verify and _digest_of_version(path, Stamp.of(path)) != row.cache_sha256:
        raise _stale(row, "other content")
    return signal


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_entry(path: Path) -> Entry | None:
    """The entry in a file, or None where there is none that this version can read."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Entry(
            source=_built(Stamp, fields["source"]),
            row=_built(ManifestRow, fields["row"]),
            cached=_built(Stamp, fields["cached"]),
            refusal=_built(Refusal, fields["refusal"]),
            version=fields["version"],
        )
    except (FileNotFoundError, json.JSONDecodeError, TypeError, KeyError):
        return None


def write_entry(entry: Entry, path: Path) -> None:
    """Write an entry, whole or not at all."""
    if entry.row is not None:
        entry = replace(entry, row=replace(entry.row, events=None, split=""))
    with atomic_write(path) as file:
        file.write(json.dumps(asdict(entry)))


@lru_cache(maxsize=100_000)
def _digest_of_version(path: Path, stamp: Stamp) -> str:
    """SHA-256 of a file, computed anew where its stamp tells another version."""
    return file_sha256(path)


def _stale(row: ManifestRow, fault: str) -> StaleCache:
    return StaleCache(
        f"the signal of {row.recording_id} as its manifest row describes it",
        f"{row.cache_file}: {fault}",
        "Prepare the corpus again: brainbrr prepare prepare.rebuild=true.",
    )


def _built(kind: Any, fields: dict[str, Any] | None) -> Any:
    return None if fields is None else kind(**fields)
