"""A network run over the windows of one recording."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainbrr.models.scaling import standardise
from brainbrr.signal.window_model import run_windows


@dataclass(frozen=True)
class TorchWindows:
    """A network as a `WindowModel`; its parameters say on which device the work is done.

    Attributes:
        network: in evaluation mode, `(batch, electrodes, samples)` standardised EEG to logits.
    """

    network: nn.Module

    @torch.inference_mode()
    def __call__(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Probability of each sample; see `WindowModel`."""
        device = next(self.network.parameters()).device
        steps, present, center, scale = (
            torch.from_numpy(array).to(device) for array in (eeg, observed, center_uv, scale_uv)
        )
        logits = self.network(standardise(steps, present, center, scale), present)
        probability: NDArray[np.float32] = torch.sigmoid(logits.float()).cpu().numpy()
        return probability


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
    """Seizure probability of every sample of every window; see `run_windows`."""
    return run_windows(
        TorchWindows(network),
        eeg,
        spans,
        observed=observed,
        center_uv=center_uv,
        scale_uv=scale_uv,
        length=length,
        batch_size=batch_size,
    )


@torch.inference_mode()
def learned_graph(
    network: nn.Module,
    eeg: NDArray[np.int16],
    observed: NDArray[np.bool_],
    center_uv: NDArray[np.float32],
    scale_uv: NDArray[np.float32],
) -> NDArray[np.float32] | None:
    """The graph of one window, `(frames, electrodes, electrodes)`; None for a network without one.

    Args:
        eeg: `(electrodes, samples)`, 0.1 uV a step.
        observed, center_uv, scale_uv: `(electrodes,)`.
    """
    explain = getattr(network, "explain", None)
    if explain is None:
        return None
    device = next(network.parameters()).device
    steps, present, center, scale = (
        torch.from_numpy(np.ascontiguousarray(array))[None].to(device)
        for array in (eeg, observed, np.float32(center_uv), np.float32(scale_uv))
    )
    explanation = explain(standardise(steps, present, center, scale), present)
    graph: NDArray[np.float32] = explanation.adjacency[0].float().cpu().numpy()
    return graph
