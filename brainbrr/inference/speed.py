"""A detector's network made faster at a stated price."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError
from brainbrr.inference.detector import Annotator, Detector
from brainbrr.models.rollout import TorchWindows
from brainbrr.signal.window_model import WindowModel


class SpeedNotOffered(BrainbrrError):
    """A way of computing that this form of a detector does not have."""


@dataclass(frozen=True)
class FastWindows:
    """A network in bfloat16, compiled, or both.

    Attributes:
        windows: the network.
        precision: `fp32`, or `bf16` for matrix products with 8 bits of mantissa.
        batch_size: rows of every batch, a last one filled up; None leaves batches as they are.
    """

    windows: TorchWindows
    precision: str
    batch_size: int | None

    def __call__(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Probability of each sample; see `WindowModel`."""
        n = len(eeg)
        # A compiled network is compiled anew for each size of batch.
        filled = [
            np.concatenate([array, array[-1:].repeat((self.batch_size or n) - n, 0)])
            for array in (eeg, observed, center_uv, scale_uv)
        ]
        device = next(self.windows.network.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.windows(*filled)[:n]


def fast_form(
    detector: Annotator, *, precision: str, compiled: bool, batch_size: int
) -> WindowModel:
    """What computes a detector's windows, as fast as asked for.

    Args:
        precision: `fp32` or `bf16`.
        compiled: through torch.compile; the first batch takes a minute.
        batch_size: windows in a batch.

    Raises:
        SpeedNotOffered: an unknown precision, or a form that is compiled already.
    """
    if precision not in {"fp32", "bf16"}:
        raise SpeedNotOffered("precision fp32 or bf16", precision, "Correct precision=.")
    if precision == "fp32" and not compiled:
        return detector.window_model
    if not isinstance(detector, Detector):
        raise SpeedNotOffered(
            "precision=fp32 and compile=false for an exported detector",
            f"precision={precision}, compile={str(compiled).lower()}",
            "Give the detector's folder, or leave them out.",
        )
    windows = TorchWindows(detector.network.eval())
    if compiled:
        network: Any = torch.compile(windows.network)
        windows = replace(windows, network=network)
    return FastWindows(windows, precision, batch_size if compiled else None)
