"""A torch network as a backend: windows in, logits, probability and the learned graph out."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainbrr.models.scaling import standardize
from brainbrr.signal.window_eeg import WindowEeg


@dataclass(frozen=True)
class TorchBackend:
    """A network as a `Backend`; its parameters decide on which device the work is done.

    Attributes:
        network: in evaluation mode, `(batch, electrodes, samples)` standardized EEG to logits.
        autocast: makes the context of reduced precision that the network runs in.
    """

    network: nn.Module
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext

    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        """Compute the probability of each sample, `(batch, samples)`."""
        return probability_of(self.logits(windows))

    # Not inference mode: what a network caches meanwhile may be needed for a backward pass later.
    @torch.no_grad()
    def logits(self, windows: WindowEeg) -> Tensor:
        """Compute float32 logits on the network's device, `(batch, samples)`."""
        eeg, observed, center_uv, scale_uv = self._tensors(windows)
        inputs = standardize(eeg, observed, center_uv, scale_uv)
        with self.autocast():
            logits: Tensor = self.network(inputs, observed)
        return logits.float()

    @torch.no_grad()
    def graph(self, window: WindowEeg) -> NDArray[np.float32] | None:
        """Return the graph of one window, `(frames, electrodes, electrodes)`, if there is one."""
        explain = getattr(self.network, "explain", None)
        if explain is None:
            return None
        eeg, observed, center_uv, scale_uv = self._tensors(window.repeated(1))
        explanation = explain(standardize(eeg, observed, center_uv, scale_uv), observed)
        graph: NDArray[np.float32] = explanation.adjacency[0].float().cpu().numpy()
        return graph

    def _tensors(self, windows: WindowEeg) -> list[Tensor]:
        device = device_of(self.network)
        return [_to(device, array) for array in windows]


def probability_of(logits: Tensor) -> NDArray[np.float32]:
    """Return the probability that logits stand for; NaN for infinite ones."""
    finite = torch.where(torch.isfinite(logits), logits, torch.nan)
    probability: NDArray[np.float32] = torch.sigmoid(finite).cpu().numpy()
    return probability


def device_of(network: nn.Module) -> torch.device:
    """Return where a network's parameters are; the CPU for one without."""
    return next((each.device for each in network.parameters()), torch.device("cpu"))


def _to(device: torch.device, array: NDArray[Any]) -> Tensor:
    """Move an array to the device; to a GPU from pinned memory, so that the CPU need not wait."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
