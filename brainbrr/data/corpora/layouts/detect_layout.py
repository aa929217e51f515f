"""Detect the layout of a corpus by its files."""

import logging
from collections.abc import Iterable
from pathlib import Path

from brainbrr.data.corpora.corpus import Finder
from brainbrr.data.corpora.layouts import bids, chbmit, folder, siena, tusz
from brainbrr.data.corpora.layouts.source import Source

log = logging.getLogger(__name__)

LAYOUTS: dict[str, Finder] = {
    "bids": bids.find_recordings,
    "chbmit": chbmit.find_recordings,
    "siena": siena.find_recordings,
    "tusz": tusz.find_recordings,
    "folder": folder.find_recordings,
}
"""Tried in this order; `folder` accepts whatever the others do not."""


def find_recordings(root: Path) -> Iterable[Source]:
    """List the recordings under `root` in the first layout that finds any."""
    for name, find in LAYOUTS.items():
        sources = list(find(root))
        if sources:
            log.info("%s looks like %s", root, name)
            return sources
    return []
