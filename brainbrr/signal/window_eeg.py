"""What every form of a network takes: windows of stored EEG, and what belongs to them."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class WindowEeg(NamedTuple):
    """A batch of windows, or one window without the first axis.

    Attributes:
        eeg: int16 `(batch, electrodes, samples)`, steps of 0.1 uV.
        observed: bool `(batch, electrodes)`, which electrodes are usable in the window.
        center_uv, scale_uv: float32 `(batch, electrodes)`, robust center and scale in microvolts.
    """

    eeg: NDArray[np.int16]
    observed: NDArray[np.bool_]
    center_uv: NDArray[np.float32]
    scale_uv: NDArray[np.float32]

    def repeated(self, n: int) -> "WindowEeg":
        """Return one window as a batch of `n` equal ones."""
        parts: list[Any] = [np.repeat(part[None], n, 0) for part in self]
        return WindowEeg(*parts)


class Backend(Protocol):
    """A batch of windows to the probability of a seizure, scaling included.

    A torch network, an ONNX session and a compiled package all look like this, so that the code
    that cuts, stitches and detects is the same for each.
    """

    def __call__(self, windows: WindowEeg, /) -> NDArray[np.float32]:
        """Compute the probability of each sample, `(batch, samples)` in [0, 1]."""
