"""What a job sends home, in its folder of the local sweep."""

import json
import math
from pathlib import Path
from typing import Any

from brainbrr.atomic_io import atomic_write
from brainbrr.sweeps.modal.platform import Outcome

LOG = "log.txt"
OUTCOME = "outcome.json"


def bring_home(outcome: Outcome, folder: Path, **facts: Any) -> None:
    """Write a job's small files, its last words and how it ended into its local folder."""
    for name, content in outcome.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            continue
        with atomic_write(path, "wb") as file:
            file.write(content)
    with atomic_write(folder / LOG) as file:
        file.write(outcome.detail)
    told = {
        "state": outcome.state,
        "exit_code": outcome.exit_code,
        "seconds": outcome.seconds,
        "left_out": list(outcome.left_out),
        **facts,
    }
    with atomic_write(folder / OUTCOME) as file:
        json.dump(told, file, indent=2)


def objective(outcome: Outcome) -> float | None:
    """The job's best metric, for a sweeper that searches; None where it has none."""
    released = outcome.files.get("detector/detector.json")
    if released is None:
        return None
    provenance = json.loads(released).get("provenance") or {}
    values = list((provenance.get("best_metric") or {}).values())
    if not values or values[0] is None or not math.isfinite(values[0]):
        return None
    return float(values[0])
