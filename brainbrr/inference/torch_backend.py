"""A network asked about stored windows: probability, and the graph it learned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainbrr.kernels.precision import autocast
from brainbrr.models.scaling import standardize


@dataclass(frozen=True)
class TorchWindows:
    """A network as a `WindowModel`; its parameters say on which device the work is done.

    Attributes:
        network: in evaluation mode, `(batch, electrodes, samples)` standardised EEG to logits.
        precision: `fp32`, or `bf16` for matrix products with 8 bits of mantissa.
    """

    network: nn.Module
    precision: str = "fp32"

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
            _on(device, array) for array in (eeg, observed, center_uv, scale_uv)
        )
        with autocast(device.type, self.precision):
            logits = self.network(standardize(steps, present, center, scale), present)
        probability: NDArray[np.float32] = torch.sigmoid(logits.float()).cpu().numpy()
        return probability


def _on(device: torch.device, array: NDArray[Any]) -> Tensor:
    """An array on the device; to a GPU from pinned memory, so that the processor need not wait."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


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
    explanation = explain(standardize(steps, present, center, scale), present)
    graph: NDArray[np.float32] = explanation.adjacency[0].float().cpu().numpy()
    return graph
