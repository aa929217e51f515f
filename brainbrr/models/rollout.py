"""A network run over the windows of one recording."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainbrr.models.scaling import standardise
from brainbrr.signal.windows import read_window


@torch.inference_mode()
def window_probabilities(
    network: nn.Module,
    eeg: NDArray[np.int16],
    spans: NDArray[np.int64],
    *,
    observed: NDArray[np.bool_],
    center_uv: NDArray[np.float32],
    scale_uv: NDArray[np.float32],
    length: int,
    batch_size: int,
) -> NDArray[np.float32]:
    """Seizure probability of every sample of every window.

    Args:
        network: in evaluation mode; its parameters say on which device the work is done.
        eeg: `(electrodes, samples)` of the cache, 0.1 uV a step; a memory map is read window by
            window.
        spans: `(windows, 2)` from `window_spans`.
        observed: `(windows, electrodes)`, which electrodes hold signal in which window.
        center_uv, scale_uv: `(electrodes,)` robust centre and scale in microvolts.
        length: samples in a window.
        batch_size: windows computed at once.

    Returns:
        `(windows, length)` in [0, 1]; 0 in windows without any electrode, which no network is asked
        about.
    """
    device = next(network.parameters()).device
    center = torch.as_tensor(center_uv, dtype=torch.float32, device=device)
    scale = torch.as_tensor(scale_uv, dtype=torch.float32, device=device)
    probabilities = np.zeros((len(spans), length), dtype=np.float32)
    seen = np.flatnonzero(observed.any(axis=1))
    for first in range(0, len(seen), batch_size):
        batch = seen[first : first + batch_size]
        windows = np.stack([read_window(eeg, span, length)[0] for span in spans[batch]])
        present = torch.from_numpy(observed[batch]).to(device)
        n = len(windows)
        inputs = standardise(
            torch.from_numpy(windows).to(device),
            present,
            center.expand(n, -1),
            scale.expand(n, -1),
        )
        logits = network(inputs, present)
        probabilities[batch] = torch.sigmoid(logits.float()).cpu().numpy()
    return probabilities
