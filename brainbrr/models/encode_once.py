"""A recording read once in long stretches, instead of many times in short overlapping windows.

The network answers for every sample of whatever length it gets, at a cost linear in the length. At
a stride of a sixth of the window each second is computed six times; here nearly once. The numbers
are not the windows' own: a long stretch gives each sample more context than training did.
`benchmarks/predict.py` tells the difference for a detector.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainbrr.models.scaling import standardise
from brainbrr.signal.windows import read_window, taper_weights, window_spans

STRETCH_S = 300.0
OVERLAP_S = 30.0
"""Seconds that two stretches share: beyond this the encoder sees nothing of a stretch's end."""
FRAME = 16


def stretch_spans(recorded: NDArray[np.int64], rate_hz: float) -> NDArray[np.int64]:
    """Where the stretches lie, `(n, 2)` samples, never across two recorded spans."""
    length, overlap = round(STRETCH_S * rate_hz), round(OVERLAP_S * rate_hz)
    return window_spans(recorded, length, length - overlap)


@torch.inference_mode()
def probability_once(
    network: nn.Module,
    eeg: NDArray[np.int16],
    spans: NDArray[np.int64],
    *,
    observed: NDArray[np.bool_],
    center_uv: NDArray[np.float32],
    scale_uv: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Seizure probability of every sample, `(samples,)`, 0 where no stretch lies.

    Args:
        network: in evaluation mode; its parameters say on which device the work is done.
        eeg: `(electrodes, samples)` of the cache, 0.1 uV a step.
        spans: `(stretches, 2)` from `stretch_spans`.
        observed: `(stretches, electrodes)`, which electrodes hold signal in which stretch.
        center_uv, scale_uv: `(electrodes,)` robust centre and scale in microvolts.
    """
    device = next(network.parameters()).device
    center, scale = (
        torch.as_tensor(values, dtype=torch.float32, device=device)[None]
        for values in (center_uv, scale_uv)
    )
    total, weight = (np.zeros(eeg.shape[1], dtype=np.float32) for _ in range(2))
    for span, there in zip(spans, observed, strict=True):
        n_samples = int(span[1] - span[0])
        # Only a recording shorter than a stretch needs padding, to a whole number of frames.
        stretch, _ = read_window(eeg, span, -(-n_samples // FRAME) * FRAME)
        present = torch.from_numpy(there).to(device)[None]
        inputs = standardise(torch.from_numpy(stretch).to(device)[None], present, center, scale)
        found = torch.sigmoid(network(inputs, present).float())[0, :n_samples].cpu().numpy()
        taper = taper_weights(n_samples)
        total[span[0] : span[1]] += taper * found
        weight[span[0] : span[1]] += taper
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
