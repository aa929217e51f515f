"""Stored EEG to what a network reads: centered and scaled per electrode.

Axes: eeg (batch, electrodes, samples), observed, center_uv and scale_uv (batch, electrodes).
"""

import torch
from torch import Tensor

from brainbrr.errors import InvalidInput
from brainbrr.kernels.tracing import readable_at_once
from brainbrr.signal.quantization import STEP_UV


def standardize(
    eeg: Tensor, observed: Tensor, center_uv: Tensor, scale_uv: Tensor, *, clip: float = 20.0
) -> Tensor:
    """Return EEG in units of each electrode's own spread, with absent electrodes at 0.

    Args:
        eeg: `(batch, electrodes, samples)`: integer steps of 0.1 uV as in the cache, or
            floating-point microvolts.
        observed: `(batch, electrodes)` boolean.
        center_uv: `(batch, electrodes)`, subtracted.
        scale_uv: `(batch, electrodes)`, positive if observed; divides.
        clip: values beyond this many spreads are cut, in either direction.

    Returns:
        float32 of the same shape (float64 if `eeg` is).

    Raises:
        InvalidInput: an observed electrode cannot be scaled.
    """
    # On a GPU the check would stall every step until the device has caught up.
    if readable_at_once(scale_uv) and not bool((scale_uv[observed] > 0).all()):
        raise InvalidInput(
            "a positive scale for each observed electrode",
            f"{int((~(scale_uv > 0) & observed).sum())} without one",
            "Mark flat electrodes as not observed, or prepare the recording again.",
        )
    step_uv = 1.0 if eeg.is_floating_point() else STEP_UV
    dtype = (
        torch.promote_types(eeg.dtype, torch.float32) if eeg.is_floating_point() else torch.float32
    )
    mask = observed[..., None]
    scale = torch.where(mask, scale_uv[..., None], 1.0).to(dtype)
    center = torch.where(mask, center_uv[..., None], 0.0).to(dtype)
    scaled = (eeg.to(dtype) * step_uv - center) / scale
    return torch.where(mask, scaled, 0.0).clamp(-clip, clip)
