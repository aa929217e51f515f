"""From the cache's steps to what the network sees: centred, scaled, clipped, absent electrodes at
rest."""

import torch
from torch import Tensor

from brainbrr.signal.quantisation import STEP_UV


def standardise(
    eeg: Tensor, observed: Tensor, center_uv: Tensor, scale_uv: Tensor, *, clip: float = 20.0
) -> Tensor:
    """Each electrode less its centre, over its scale, within `+-clip`; absent electrodes become
    0."""
    eeg_uv = eeg if eeg.is_floating_point() else eeg.float() * STEP_UV
    scaled = (eeg_uv - center_uv[..., None]) / scale_uv[..., None]
    return torch.where(observed[..., None], scaled.clamp(-clip, clip), torch.zeros_like(scaled))
