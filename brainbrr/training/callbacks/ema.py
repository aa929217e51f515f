"""Exponential moving average of the weights, often better than the weights themselves."""

from pathlib import Path
from typing import Any

import torch
from lightning import Callback
from torch import Tensor, nn

from brainbrr.errors import InvalidOption
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint


class Ema(Callback):
    """Keeps `average = decay * average + (1 - decay) * weight`, which validation evaluates instead
    of the weights.

    Early on the decay is smaller, `(1 + step) / (10 + step)`, so that the random start is soon
    forgotten.

    Args:
        decay: fraction of the average kept at each step.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0.0 < decay < 1.0:
            raise InvalidOption("0 < decay < 1", f"{decay}", "Correct callbacks.ema.decay.")
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self.n_updates = 0
        self._step = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the average."""
        return {"average": self.average, "n_updates": self.n_updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the average."""
        self.average, self.n_updates = state_dict["average"], state_dict["n_updates"]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start with the current weights, or with the average of the resumed run."""
        self._step = trainer.global_step
        now = pl_module.network.state_dict()
        start = self.average or now
        self.average = {name: start[name].detach().to(now[name].device, copy=True) for name in now}

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: object) -> None:
        """Update the average after each step that changed the weights."""
        if trainer.global_step == self._step or not pl_module.stepped:
            return
        self._step = trainer.global_step
        self.n_updates += 1
        decay = min(self.decay, (1 + self.n_updates) / (10 + self.n_updates))
        for name, value in pl_module.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def exchange(self, network: nn.Module) -> None:
        """Swap the weights of the network and the average; a second call undoes it."""
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.average)
        self.average = weights


def released_weights(checkpoint: Path) -> dict[str, Tensor]:
    """Read the weights that validation evaluated: the average if there is one, otherwise the
    network's own.

    Returns:
        a state dict for a freshly built network.
    """
    content = read_checkpoint(checkpoint)
    average = content["callbacks"].get(Ema.__qualname__)
    if average is not None:
        weights: dict[str, Tensor] = average["average"]
        return weights
    prefix = "network."
    return {
        name.removeprefix(prefix): value
        for name, value in content["state_dict"].items()
        if name.startswith(prefix)
    }
