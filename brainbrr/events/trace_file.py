"""Probability traces on disk: `.npy` with a JSON sidecar of rate, gaps and start."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InvalidFile
from brainbrr.events.trace import Trace

SUFFIX = "_trace.npy"


def save_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace as `.npy` (float32 probability) and a `.json` next to it."""
    with atomic_write(path, "wb") as file:
        np.save(file, trace.probability)
    start = trace.start.isoformat() if trace.start else None
    with atomic_write(Path(path).with_suffix(".json")) as file:
        json.dump({"rate_hz": trace.rate_hz, "gaps": trace.gaps.tolist(), "start": start}, file)


def load_trace(path: str | Path) -> Trace:
    """Read what `save_trace` wrote.

    Raises:
        InvalidFile: the `.npy` or its sidecar is missing or damaged.
    """
    path = Path(path)
    try:
        sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        start = sidecar["start"]
        return Trace(
            np.load(path, allow_pickle=False),
            float(sidecar["rate_hz"]),
            sidecar["gaps"],
            datetime.fromisoformat(start) if start else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(
            "a .npy of probabilities with a .json of rate_hz, gaps and start",
            f"{path}: {error}",
            "Predict the recording again with traces=true.",
        ) from error


def load_traces(folder: str | Path) -> dict[str, Trace]:
    """Read all traces of a run's `traces/` folder, by recording.

    Raises:
        InvalidFile: see `load_trace`.
    """
    paths = sorted(Path(folder).glob(f"*{SUFFIX}"))
    return {path.name.removesuffix(SUFFIX): load_trace(path) for path in paths}
