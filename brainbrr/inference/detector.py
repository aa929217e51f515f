"""A trained detector: a torch network with everything that must go with it."""

import json
import logging
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.inference.annotator import FP32, Annotator
from brainbrr.inference.tiling import WINDOWS
from brainbrr.inference.torch_backend import TorchBackend, device_of
from brainbrr.kernels.precision import autocast, has_bf16_units
from brainbrr.signal.window_eeg import WindowEeg

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Detector(Annotator):
    """A network with everything that must go with it for the same numbers anywhere.

    Attributes:
        network: `(batch, 19, samples)` standardized EEG to `(batch, samples)` logits.
        model and all that follows: see `Annotator`.
    """

    network: nn.Module
    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection = field(default_factory=Detection)
    provenance: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    tiling: str = WINDOWS
    precision: str = FP32

    def _with(self, name: str, value: str) -> Self:
        device = device_of(self.network).type
        if value == "bf16" and not has_bf16_units(device):
            log.warning("bf16 is slower here: this %s has no known units for it", device)
        return replace(self, **{name: value})  # type: ignore[arg-type]

    @property
    def weights_digest(self) -> str:
        """SHA-256 of the weights, name by name."""
        content = sha256(json.dumps(self.model, sort_keys=True, default=str).encode())
        for name, tensor in self.network.state_dict().items():
            content.update(name.encode())
            content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return content.hexdigest()

    @property
    def backend(self) -> TorchBackend:
        """The network in evaluation mode, with the scaling before it."""
        reduced = partial(autocast, device_of(self.network).type, self.precision)
        return TorchBackend(self.network.eval(), nullcontext if self.precision == FP32 else reduced)

    def adjacency(self, window: WindowEeg) -> NDArray[np.float32] | None:
        """Return the graph of each frame of a window; see `Annotator.adjacency`."""
        return self.backend.graph(window)
