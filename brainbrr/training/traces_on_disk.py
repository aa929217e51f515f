"""Validation traces in a file instead of in memory."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from brainbrr.events.trace import Trace


def on_disk(traces: Iterable[Trace], folder: Path) -> list[Trace]:
    """The same traces, their values mapped from one file without a name in a folder.

    One trace at a time is in memory while they are gathered. The system frees the file with the
    last trace that refers to it, and however the process ends.

    Args:
        traces: produced one after another.
        folder: on the disk that has room for them: four bytes a value.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stubs, sizes = [], []
    with tempfile.TemporaryFile(dir=folder) as file:
        for trace in traces:
            file.write(trace.probability.tobytes())
            sizes.append(trace.probability.size)
            stubs.append(replace(trace, probability=trace.probability[:1].copy()))
        if not stubs:
            return []
        file.flush()
        values = np.memmap(file, dtype=np.float32, mode="r")
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [replace(stub, probability=part) for stub, part in zip(stubs, parts, strict=True)]
