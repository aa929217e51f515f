"""What every form of a detector has in common: windows of stored EEG in, probabilities out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.windows import read_window


class WindowModel(Protocol):
    """A batch of windows to the probability of a seizure, scaling included.

    A torch network behind an adapter, an ONNX session and a compiled package all look like this, so
    that whatever cuts, stitches and detects is the same code for each.
    """

    def __call__(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Probability of each sample.

        Args:
            eeg: `(batch, electrodes, samples)`, 0.1 uV a step.
            observed: `(batch, electrodes)`, which electrodes hold signal.
            center_uv, scale_uv: `(batch, electrodes)` robust centre and scale in microvolts.

        Returns:
            `(batch, samples)` in [0, 1].
        """


def run_windows(
    model: WindowModel,
    eeg: NDArray[np.int16],
    spans: NDArray[np.int64],
    *,
    observed: NDArray[np.bool_],
    center_uv: NDArray[np.float32],
    scale_uv: NDArray[np.float32],
    length: int,
    batch_size: int,
) -> NDArray[np.float32]:
    """Seizure probability of every sample of every window of one recording.

    Args:
        model: any form of a detector's network.
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
    probabilities = np.zeros((len(spans), length), dtype=np.float32)
    seen = np.flatnonzero(observed.any(axis=1))
    center = np.asarray(center_uv, dtype=np.float32)[None]
    scale = np.asarray(scale_uv, dtype=np.float32)[None]
    for first in range(0, len(seen), batch_size):
        batch = seen[first : first + batch_size]
        windows = np.stack([read_window(eeg, span, length)[0] for span in spans[batch]])
        n = len(windows)
        probabilities[batch] = model(
            windows, observed[batch], center.repeat(n, 0), scale.repeat(n, 0)
        )
    return probabilities
