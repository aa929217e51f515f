"""The files of a release, each read once, with nothing read outside their folder."""

import logging
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from brainbrr.release.description import SELFTEST, WEIGHTS
from brainbrr.release.untrusted import (
    FETCH_AGAIN,
    MAX_DEPTH,
    InvalidDetector,
    distinct,
    read_json,
    require_plain,
    sanitize,
)

DESCRIPTION = "detector.json"
OLDER_DESCRIPTION = "detector.yaml"
"""The description of schemas 1 and 2."""
CARD, SCORES = "card.md", "scores.json"
FILES = {DESCRIPTION, OLDER_DESCRIPTION, WEIGHTS, SELFTEST, CARD, SCORES}
MAX_BYTES = {
    DESCRIPTION: 200_000,
    OLDER_DESCRIPTION: 200_000,
    WEIGHTS: 4_000_000_000,
    SELFTEST: 100_000_000,
}

log = logging.getLogger(__name__)


def holds_release(folder: Path) -> bool:
    """Return whether a folder holds a description of any schema."""
    return any((folder / name).is_file() for name in (DESCRIPTION, OLDER_DESCRIPTION))


def read_description_file(folder: Path, *, root: Path | None = None) -> Any:
    """Return the plain values of a release's description.

    Files that are not part of a release are never opened; a warning names them.

    Args:
        root: see `read_file`.

    Raises:
        InvalidDetector: two descriptions, or one that is damaged or more than plain values.
    """
    names = [
        name for name in (DESCRIPTION, OLDER_DESCRIPTION) if os.path.lexists(folder / name)
    ] or [DESCRIPTION]
    if len(names) == 2:
        raise InvalidDetector(
            f"{folder} holds both {' and '.join(names)}, which may differ",
            f"Keep the one that was released; brainbrr writes {DESCRIPTION}.",
        )
    if unexpected := sorted({path.name for path in folder.iterdir()} - FILES):
        log.warning("%s: ignored, not part of a release: %s", folder, sanitize(unexpected))
    content = read_file(folder, names[0], root=root)
    try:
        text = content.decode()
        return read_json(text) if names[0] == DESCRIPTION else read_yaml(text)
    except (ValueError, TypeError, yaml.YAMLError, RecursionError, OverflowError) as error:
        kind = "JSON" if names[0] == DESCRIPTION else "YAML"
        raise InvalidDetector(
            f"{names[0]} as plain {kind} in UTF-8: numbers, words, lists and mappings",
            sanitize(" ".join(str(error).split()), 160)[1:-1],
            FETCH_AGAIN,
        ) from error


class _DistinctKeys(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # Merge keys (<<) stay keys here: they are resolved in the method that this one replaces.
        return distinct([tuple(self.construct_object(part, True) for part in pair)
                         for pair in node.value])  # fmt: skip


def read_yaml(text: str) -> Any:
    """Return the values in a YAML text.

    Raises:
        ValueError, yaml.YAMLError: a tag, anchor, alias or repeated key, or what is not plain.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("an anchor or alias")
        if tag := getattr(event, "tag", None):
            raise ValueError(f"the tag {sanitize(tag)}")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} levels")
    return require_plain(yaml.load(text, Loader=_DistinctKeys))


def read_file(folder: Path, name: str, *, root: Path | None = None) -> bytes:
    """Return the bytes of one of the release's files.

    Args:
        folder: of the release.
        name: a key of `MAX_BYTES`.
        root: where links may lead, None for the folder itself; a hub's cache links to its blobs.

    Raises:
        InvalidDetector: absent, a link out of `root`, not a regular file, or larger than any
            release's.
    """
    try:
        target = (folder / name).resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError) as error:
        raise InvalidDetector(
            f"{name} in the detector's folder", f"{type(error).__name__} in {folder}", FETCH_AGAIN
        ) from error
    if not target.is_relative_to((root or folder).resolve()):
        raise InvalidDetector(f"{name} inside {folder}", "a link that leads out of it", FETCH_AGAIN)
    if not stat.S_ISREG(status.st_mode):
        raise InvalidDetector(f"{name} as a regular file", "another kind of file", FETCH_AGAIN)
    if status.st_size > MAX_BYTES[name]:
        raise InvalidDetector(
            f"{name} of at most {MAX_BYTES[name]} bytes", f"{status.st_size}", FETCH_AGAIN
        )
    return target.read_bytes()


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return sha256(content).hexdigest()


def require_digest(name: str, content: bytes, digests: dict[str, str]) -> None:
    """Refuse a file that is not the released one; the first schema has no digests.

    Raises:
        InvalidDetector: the content differs from what was released.
    """
    if digests and digest(content) != digests[name]:
        raise InvalidDetector(
            f"{name} with SHA-256 {digests[name][:16]}",
            f"{digest(content)[:16]}: a changed byte",
            FETCH_AGAIN,
        )
