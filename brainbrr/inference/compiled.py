"""A detector's network through torch.compile."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brainbrr.errors import InvalidOption
from brainbrr.inference.annotator import Annotator
from brainbrr.inference.detector import Detector
from brainbrr.inference.tiling import WINDOWS
from brainbrr.signal.window_eeg import Backend, WindowEeg


@dataclass(frozen=True)
class PaddedBatches:
    """A backend that always gets full batches: a network is compiled again for each batch size.

    Attributes:
        backend: the compiled network.
        batch_size: windows in every batch.
    """

    backend: Backend
    batch_size: int

    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        """Compute the probability of each sample; the last window stands in for missing ones."""
        n = len(windows.eeg)
        padded = (
            np.concatenate([part, part[-1:].repeat(self.batch_size - n, 0)]) for part in windows
        )
        return self.backend(WindowEeg(*padded))[:n]


def choose_backend(detector: Annotator, *, compiled: bool, batch_size: int) -> Backend:
    """Return what computes a detector's windows.

    Args:
        compiled: through torch.compile; the first batch takes a minute.
        batch_size: windows in a batch.

    Raises:
        InvalidOption: an exported form, which is compiled already, or segments of many lengths.
    """
    if not compiled:
        return detector.backend
    if not isinstance(detector, Detector):
        raise InvalidOption(
            "compile=false for an exported detector",
            "compile=true",
            "Give the detector's folder, or leave compile= out.",
        )
    if detector.tiling != WINDOWS:
        raise InvalidOption(
            f"tiling={WINDOWS} for a compiled network, which is compiled for one length",
            f"tiling={detector.tiling}, compile=true",
            "Leave one of the two out.",
        )
    network: Any = torch.compile(detector.network.eval())
    return PaddedBatches(replace(detector.backend, network=network), batch_size)
