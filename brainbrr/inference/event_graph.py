"""The graph that a detector saw during an event."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from brainbrr.data.cache import open_signal
from brainbrr.data.manifest import ManifestRow
from brainbrr.data.window_index import bad_samples, observed_in
from brainbrr.inference.detector import Detector
from brainbrr.models.detector import V3Detector
from brainbrr.models.scaling import standardise
from brainbrr.signal.windows import read_window


@torch.inference_mode()
def graph_during(
    detector: Detector, row: ManifestRow, cache_folder: str | Path, onset_s: float, offset_s: float
) -> NDArray[np.float32] | None:
    """Mean weights `(19, 19)` of the electrode graph during an event; None where the network has no
    graph, or no electrode can be believed there.

    The network looks at one window with the event in its middle, or, where that is longer, with its
    onset in the first quarter.
    """
    network, windowing = detector.network, detector.windowing
    if not isinstance(network, V3Detector):
        return None
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
    device = next(network.parameters()).device
    eeg = torch.from_numpy(read_window(signal, span, length)[0][None]).to(device)
    present = torch.from_numpy(observed).to(device)
    center, scale = (
        torch.as_tensor(values, dtype=torch.float32, device=device)[None]
        for values in (row.center_uv, row.scale_uv)
    )
    frames = network.explain(standardise(eeg, present, center, scale), present).adjacency[0]
    per_sample = len(frames) / length
    first = min(int((onset - start) * per_sample), len(frames) - 1)
    last = max(int(np.ceil((offset - start) * per_sample)), first + 1)
    graph: NDArray[np.float32] = frames[first:last].float().mean(0).cpu().numpy()
    return graph
