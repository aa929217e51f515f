"""The graph that a detector saw during an event."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.corpora.cache import open_signal
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.index import bad_samples, observed_in
from brainbrr.inference.detector import Annotator
from brainbrr.signal.windows import read_window


def graph_during(
    detector: Annotator, row: ManifestRow, cache_folder: str | Path, onset_s: float, offset_s: float
) -> NDArray[np.float32] | None:
    """Mean weights `(19, 19)` of the electrode graph during an event; None where the detector has
    no graph, or no electrode can be believed there.

    The detector looks at one window with the event in its middle, or, where that is longer, with
    its onset in the first quarter.
    """
    windowing = detector.windowing
    signal = open_signal(row, Path(cache_folder))
    onset, offset = (round(edge * windowing.rate_hz) for edge in (onset_s, offset_s))
    length = windowing.length
    lead = max((length - (offset - onset)) // 2, length // 4)
    start = int(np.clip(onset - lead, 0, max(signal.shape[1] - length, 0)))
    span = np.array([start, min(start + length, signal.shape[1])])
    bad = bad_samples(row.bad_spans, windowing.rate_hz)
    observed = observed_in(row.observed_mask, bad, span[None], windowing.max_bad_fraction)
    if not observed.any():
        return None
    center, scale = (np.asarray(values, np.float32) for values in (row.center_uv, row.scale_uv))
    eeg, _ = read_window(signal, span, length)
    frames = detector.adjacency(eeg, observed[0], center, scale)
    if frames is None:
        return None
    per_sample = len(frames) / length
    first = min(int((onset - start) * per_sample), len(frames) - 1)
    last = max(int(np.ceil((offset - start) * per_sample)), first + 1)
    graph: NDArray[np.float32] = frames[first:last].mean(0)
    return graph
