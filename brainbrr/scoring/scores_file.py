"""`scores.json` on disk."""

import json
from pathlib import Path

from brainbrr.atomic_io import open_durable
from brainbrr.scoring.summary import Scores


def write_scores(scores: Scores, path: str | Path) -> None:
    """Write scores as JSON, whole or not at all; a NaN is a defect and raises ValueError."""
    text = json.dumps(scores, indent=2, allow_nan=False)
    with open_durable(path) as file:
        file.write(text + "\n")
