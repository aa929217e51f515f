"""Score background windows by the network's false alarms, to sample the worst again."""

from typing import Any

import torch
from lightning import Callback
from torch import Tensor


class HardNegatives(Callback):
    """Scores each training window without seizure by the mean probability the network gave it.

    The scores of one epoch choose windows for the next, by the fraction `Balance.hard_fraction`.
    They come from training windows only, never from validation.
    """

    def __init__(self) -> None:
        self.seen: Tensor | None = None
        self.in_force: Tensor | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the scores of the current epoch, and those its windows were drawn with."""
        return {"seen": self.seen, "in_force": self.in_force}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both."""
        self.seen, self.in_force = state_dict["seen"], state_dict["in_force"]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start without scores, or with those of the resumed run."""
        sampler = trainer.train_dataloader.balanced
        if self.seen is None or self.in_force is None:
            self.seen = torch.from_numpy(sampler.hardness.copy())
            self.in_force = self.seen.clone()
        sampler.hardness = self.in_force.numpy()

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: object) -> None:
        """Score the batch's windows without seizure."""
        batch, logits = pl_module.seen, pl_module.logits
        assert self.seen is not None
        valid = batch.valid.float()
        mean = (torch.sigmoid(logits.float()) * valid).sum(1) / valid.sum(1).clamp(min=1)
        background = ~(batch.label & batch.valid).any(1)
        windows = batch.window[background].cpu()
        self.seen[windows] = mean[background].float().cpu()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Use the scores for the next epoch's windows, the same in all processes."""
        assert self.seen is not None
        if trainer.world_size > 1:
            shared = self.seen.to(pl_module.device)
            torch.distributed.all_reduce(shared, op=torch.distributed.ReduceOp.MAX)
            self.seen = shared.cpu()
        self.in_force = self.seen.clone()
        trainer.train_dataloader.balanced.hardness = self.in_force.numpy()
