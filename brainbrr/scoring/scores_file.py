"""`scores.json` on disk."""

import json
from pathlib import Path

from brainbrr.atomic_io import atomic_write
from brainbrr.scoring.summary import Scores


def write_scores(scores: Scores, path: str | Path) -> None:
    """Write scores as JSON, whole or not at all; a NaN is a defect and raises ValueError."""
    text = json.dumps(scores, indent=2, allow_nan=False)
    with atomic_write(path) as file:
        file.write(text + "\n")
