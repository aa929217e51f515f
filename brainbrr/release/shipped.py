"""The detectors that the package carries, by name: `brainbrr/detectors/NAME/` holds a release."""

import logging
from pathlib import Path

from brainbrr.release.released_files import holds_release

SHIPPED = Path(__file__).resolve().parents[1] / "detectors"

log = logging.getLogger(__name__)


def shipped_names() -> list[str]:
    """Return the names of the shipped detectors, sorted."""
    folders = SHIPPED.iterdir() if SHIPPED.is_dir() else ()
    return sorted(folder.name for folder in folders if holds_release(folder))


def find_shipped(name: str | Path) -> Path | None:
    """Return the folder of a shipped detector, or None if `name` is not the name of one.

    Only text that equals a name is one, so no name leads out of the package. It means the shipped
    detector in every working directory: a folder that is called the same is `./NAME`, or a `Path`.
    """
    if name not in shipped_names():
        return None
    for local in (Path(name), Path(name) / "detector"):
        if holds_release(local):
            log.warning("detector=%s is the shipped one; write ./%s for the folder", name, name)
    return SHIPPED / name
