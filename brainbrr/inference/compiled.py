"""A detector's network made faster at a stated price."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brainbrr.inference.detector import Annotator, Detector, SpeedNotOffered
from brainbrr.inference.tiling import WINDOWS
from brainbrr.inference.torch_backend import TorchWindows
from brainbrr.signal.window_model import WindowModel


@dataclass(frozen=True)
class FilledWindows:
    """A compiled network, which is compiled anew for each size of batch: a last one is filled up.

    Attributes:
        windows: the network.
        batch_size: rows of every batch.
    """

    windows: TorchWindows
    batch_size: int

    def __call__(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Probability of each sample; see `WindowModel`."""
        n = len(eeg)
        filled = [
            np.concatenate([array, array[-1:].repeat(self.batch_size - n, 0)])
            for array in (eeg, observed, center_uv, scale_uv)
        ]
        return self.windows(*filled)[:n]


def fast_form(detector: Annotator, *, compiled: bool, batch_size: int) -> WindowModel:
    """What computes a detector's windows, as fast as asked for.

    Args:
        compiled: through torch.compile; the first batch takes a minute.
        batch_size: windows in a batch.

    Raises:
        SpeedNotOffered: a form that is compiled already, or stretches of many lengths.
    """
    if not compiled:
        return detector.window_model
    if not isinstance(detector, Detector):
        raise SpeedNotOffered(
            "compile=false for an exported detector",
            "compile=true",
            "Give the detector's folder, or leave compile= out.",
        )
    if detector.reading != WINDOWS:
        raise SpeedNotOffered(
            f"reading={WINDOWS} for a compiled network, which is compiled for one length",
            f"reading={detector.reading}, compile=true",
            "Leave one of the two out.",
        )
    network: Any = torch.compile(detector.network.eval())
    return FilledWindows(TorchWindows(network, detector.precision), batch_size)
