"""What the graph peers are given: a clip of one-second spectra and a graph of electrodes a second.

Their spectra and graphs are made before the clock starts, which is to their advantage: this
project's networks start from samples. Axes: (batch, seconds, electrodes, features).
"""

from typing import NamedTuple

import torch
from torch import Tensor

N_ELECTRODES = 19
N_BINS = 100
"""Log amplitudes of 1 to 100 Hz, of a second at 200 Hz."""


class Clip(NamedTuple):
    """A batch of clips.

    Attributes:
        spectra: `(batch, seconds, electrodes, bins)`.
        graphs: symmetric, positive and dense, `(batch, seconds, electrodes, electrodes)`.
    """

    spectra: Tensor
    graphs: Tensor


def random_clips(batch, seconds=60):
    """Clips of noise: no number in them changes how long a network takes."""
    half = torch.rand(batch, seconds, N_ELECTRODES, N_ELECTRODES)
    spectra = torch.randn(batch, seconds, N_ELECTRODES, N_BINS)
    return Clip(spectra, half + half.transpose(-1, -2))
