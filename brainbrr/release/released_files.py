"""The files of a release, each read once and whole, and nothing outside their folder."""

import stat
from hashlib import sha256
from pathlib import Path

from brainbrr.release.refusals import FETCH_AGAIN, ChangedDetector, HostileFile, InvalidDetector

DESCRIPTION = "detector.yaml"
WEIGHTS = "model.safetensors"
SELFTEST = "selftest.safetensors"
NUMBER_FILES = (WEIGHTS, SELFTEST)
MAX_BYTES = {DESCRIPTION: 200_000, WEIGHTS: 4_000_000_000, SELFTEST: 100_000_000}


def read_file(folder: Path, name: str, *, root: Path | None = None) -> bytes:
    """The bytes of one of the release's files.

    Args:
        folder: of the release.
        name: a key of `MAX_BYTES`.
        root: where links may lead, the folder itself where None; a hub's cache links to its blobs.

    Raises:
        HostileFile: a link out of `root`, no regular file, or larger than any release's.
        InvalidDetector: there is no such file.
    """
    path = folder / name
    home = (root or folder).resolve()
    try:
        target = path.resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError) as error:
        raise InvalidDetector(
            f"{name} in the detector's folder", f"{type(error).__name__} in {folder}", FETCH_AGAIN
        ) from error
    if not target.is_relative_to(home):
        raise HostileFile(f"{name} inside {folder}", "a link that leads out of it", FETCH_AGAIN)
    if not stat.S_ISREG(status.st_mode):
        raise HostileFile(f"{name} as a regular file", "another kind of file", FETCH_AGAIN)
    if status.st_size > MAX_BYTES[name]:
        raise HostileFile(
            f"{name} of at most {MAX_BYTES[name]} bytes", f"{status.st_size}", FETCH_AGAIN
        )
    return target.read_bytes()


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(content).hexdigest()


def require_digest(name: str, content: bytes, digests: dict[str, str]) -> None:
    """Refuse a file that is not the released one; the first schema knew no digests.

    Raises:
        ChangedDetector: the content differs from what was released.
    """
    if digests and digest(content) != digests[name]:
        raise ChangedDetector(
            f"{name} with SHA-256 {digests[name][:16]}",
            f"{digest(content)[:16]}: a changed byte",
            FETCH_AGAIN,
        )
