"""The cache: a memory-mapped int16 signal per recording, and an entry that describes it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.atomic_io import atomic_write
from brainbrr.data.corpora.manifest import KEYS, ManifestRow
from brainbrr.data.preparation.preparation import PreparedSignal
from brainbrr.errors import BrainbrrError
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.quantization import dequantize

_LABELS = {"subject": "", "session": "", "split": "", "events": None}
"""Keys of a manifest row that are blank in an entry: labels are read again each time."""


class StaleCache(BrainbrrError):
    """A cached signal that is not the one its manifest row describes."""


@dataclass(frozen=True)
class FileStat:
    """Size and modification time of a file: while they stay, its content is taken as unchanged."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStat":
        """Return those of a file as it is now."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class CacheEntry(PreparedSignal):
    """What preparation found in a recording, and the files of the recording and its signal.

    Attributes:
        source: path of the recording relative to the corpus root, when it was prepared.
        source_stat: of the recording as it was read.
        cache_stat: of the cached signal.
        version: of brainbrr.
    """

    recording_id: str
    corpus: str
    source: str
    source_sha256: str
    source_stat: FileStat
    cache_file: str
    cache_sha256: str
    cache_stat: FileStat
    preparation_digest: str
    version: str

    def row(
        self,
        *,
        subject: str,
        session: str,
        split: str,
        source: str,
        events: list[list[Any]] | None,
    ) -> ManifestRow:
        """Join the entry with what the corpus lists of the recording."""
        listed = {"subject": subject, "session": session, "split": split, "source": source}
        prepared = {key: getattr(self, key) for key in KEYS if key not in _LABELS}
        return ManifestRow(**{**prepared, **listed}, events=events)


@dataclass(frozen=True)
class RefusedEntry:
    """Why the cache holds no signal of a recording.

    Attributes:
        source_stat: of the recording; None if it could not be opened.
        reason: name of the error.
        detail: the error in words.
        version: of brainbrr; what one version refused, another one tries again.
    """

    source_stat: FileStat | None
    reason: str
    detail: str
    version: str


def open_signal(row: ManifestRow, cache_folder: Path, *, verify: bool = True) -> np.memmap:
    """Map one recording's prepared EEG, read from disk as it is used.

    Args:
        row: its manifest row.
        cache_folder: the folder of that manifest.
        verify: compare the file's SHA-256 with the row; done once per process and file, about a
            second per gigabyte.

    Returns:
        read-only int16, shape `(19, samples)`, in steps of `brainbrr.signal.quantization.STEP_UV`
        microvolts.

    Raises:
        StaleCache: the file is missing, truncated, of another shape, or its content has changed.
    """
    path = Path(cache_folder) / row.cache_file
    try:
        signal = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _stale(row, type(error).__name__) from error
    if signal.dtype != np.int16 or signal.ndim != 2 or signal.shape[0] != N_ELECTRODES:
        raise _stale(row, f"{signal.dtype} of shape {signal.shape}")
    if verify and _digest_of_version(path, FileStat.of(path)) != row.cache_sha256:
        raise _stale(row, "other content")
    return signal


def read_excerpt(
    row: ManifestRow, cache_folder: str | Path, start_s: float, stop_s: float
) -> NDArray[np.float32]:
    """Read prepared microvolts `(19, samples)` from `start_s` to `stop_s`, e.g. for a figure.

    NaN for absent electrodes and inside gaps.

    Raises:
        StaleCache: see `open_signal`.
    """
    signal = open_signal(row, Path(cache_folder))
    rate_hz = signal.shape[1] / row.duration_s
    first, last = (max(round(seconds * rate_hz), 0) for seconds in (start_s, stop_s))
    eeg_uv = dequantize(signal[:, first:last])
    eeg_uv[~row.observed_mask] = np.nan
    for onset_s, offset_s in row.gaps:
        low, high = (max(round(edge * rate_hz) - first, 0) for edge in (onset_s, offset_s))
        eeg_uv[:, low:high] = np.nan
    return eeg_uv


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_entry(path: Path) -> CacheEntry | RefusedEntry | None:
    """Read the entry in a file; None if there is none that this version understands."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        source, version = content["source"], content["version"]
        if content["refusal"] is not None:
            source_stat = None if source is None else FileStat(**source)
            return RefusedEntry(source_stat, **content["refusal"], version=version)
        return CacheEntry(
            **{key: content["row"][key] for key in KEYS if key not in _LABELS},
            source_stat=FileStat(**source),
            cache_stat=FileStat(**content["cached"]),
            version=version,
        )
    except (FileNotFoundError, json.JSONDecodeError, TypeError, KeyError):
        return None


def write_entry(entry: CacheEntry | RefusedEntry, path: Path) -> None:
    """Write an entry, atomically."""
    row = cached = refusal = None
    if isinstance(entry, CacheEntry):
        row = {key: _LABELS[key] if key in _LABELS else getattr(entry, key) for key in KEYS}
        cached = asdict(entry.cache_stat)
    else:
        refusal = {"reason": entry.reason, "detail": entry.detail}
    source = None if entry.source_stat is None else asdict(entry.source_stat)
    content = {"source": source, "row": row, "cached": cached, "refusal": refusal}
    with atomic_write(path) as file:
        file.write(json.dumps({**content, "version": entry.version}))


@lru_cache(maxsize=100_000)
def _digest_of_version(path: Path, stat: FileStat) -> str:
    """Compute the SHA-256 of a file, again whenever its size or time changes."""
    return file_sha256(path)


def _stale(row: ManifestRow, fault: str) -> StaleCache:
    return StaleCache(
        f"the signal of {row.recording_id} as its manifest row describes it",
        f"{row.cache_file}: {fault}",
        "Prepare the corpus again: brainbrr prepare prepare.rebuild=true.",
    )
