"""Checkpoint files: written atomically, verified by a digest, read without running code.

A file is what `torch.save` writes, a zip archive, with the SHA-256 of its bytes as the archive's
comment: `torch.load` reads it as it is, and a flipped or missing byte anywhere is detected.
"""

import hashlib
import io
import logging
import pickle
from pathlib import Path
from typing import Any

import torch

from brainbrr.atomic_io import atomic_write, sync_folder
from brainbrr.errors import InvalidFile, NotFound

log = logging.getLogger(__name__)

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
_MARK = b"sha256:"
_COMMENT_LENGTH = len(_MARK) + 64


class DamagedCheckpoint(InvalidFile):
    """A checkpoint whose bytes are not those that were written."""


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint atomically: to disk, read back and verified, then renamed.

    A `last.ckpt` that is replaced becomes `previous.ckpt`.

    Raises:
        DamagedCheckpoint: the disk returned other bytes than were written.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    sealed = seal(buffer.getvalue())
    fresh = path.with_name(f".{path.name}.new")
    with atomic_write(fresh, "wb") as file:
        file.write(sealed)
    unseal(fresh)
    if path.name == LAST and path.exists():
        path.replace(path.with_name(PREVIOUS))
    fresh.replace(path)
    sync_folder(path.parent)


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint after verifying its digest; tensors and plain values only, no pickled code.

    Raises:
        DamagedCheckpoint: the file is truncated, changed, or not a checkpoint of this project.
    """
    archive = unseal(path)
    try:
        content: dict[str, Any] = torch.load(
            io.BytesIO(archive), map_location=map_location, weights_only=True
        )
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise DamagedCheckpoint(
            "tensors and plain values", f"{path}: {error}", "Use another checkpoint."
        ) from error
    return content


def newest_checkpoint(folder: Path) -> Path:
    """Return the newest intact checkpoint of a run: the last, or with a warning the one before.

    Raises:
        NotFound: there is none, or none is intact.
    """
    damaged = []
    for name in (LAST, PREVIOUS):
        path = Path(folder) / name
        if not path.exists():
            continue
        try:
            unseal(path)
        except DamagedCheckpoint as error:
            damaged.append(name)
            log.warning("Checkpoint ignored: %s", error)
            continue
        return path
    raise NotFound(
        f"an intact {LAST} or {PREVIOUS}",
        f"{', '.join(damaged)} damaged in {folder}" if damaged else f"none in {folder}",
        "Start the run again, or give another run folder.",
    )


def seal(archive: bytes) -> bytes:
    """Append the digest of a zip archive without comment as its comment."""
    comment = _MARK + hashlib.sha256(archive).hexdigest().encode()
    return archive[:-2] + len(comment).to_bytes(2, "little") + comment


def unseal(path: Path) -> bytes:
    """Return the archive of a sealed file after verifying its digest.

    Raises:
        DamagedCheckpoint: the digest is missing or differs.
    """
    content = Path(path).read_bytes()
    archive = content[: -_COMMENT_LENGTH - 2] + b"\0\0"
    if content[-_COMMENT_LENGTH:] != seal(archive)[-_COMMENT_LENGTH:]:
        raise DamagedCheckpoint(
            "a checkpoint with the digest it was written with",
            f"{path} ({len(content)} bytes), whose digest is missing or differs",
            "Use another checkpoint; this one is damaged or was written by another program.",
        )
    return archive
