"""The glue between a network, its loss and Lightning's loop."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from brainbrr.data.windows.augmentation import Augmentation
from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.models.input_checks import NonFiniteInput, values_unread
from brainbrr.models.scaling import standardise
from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.losses import Loss
from brainbrr.training.parameter_groups import parameter_groups

MakeOptimizer = Callable[[list[dict[str, object]]], Optimizer]
MakeScheduler = Callable[[Optimizer, int], LRScheduler]


class SeizureModule(LightningModule):
    """Learns to tell seizure from background, sample by sample.

    Args:
        network: `network(eeg, observed) -> logits`, see `brainbrr.models`.
        loss: `loss(logits, label, weight) -> scalar`.
        optimizer: makes the optimiser from parameter groups.
        scheduler: makes the schedule from the optimiser and the number of its steps in the run.
        n_steps: steps of the optimiser in the run.
        augmentation: changes training batches on the device, or None.
        seed: with the epoch and the batch's number it fixes every random number of a step.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler,
        *,
        n_steps: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.augmentation = augmentation
        self.stepped = True
        """Whether the last optimiser step changed weights; a step the gradient scaler skipped did
        not."""
        self.seen: WindowBatch | None = None
        """The batch last learned from, as augmentation left it."""
        self.logits: Tensor | None = None
        """What the network said of it."""
        self._make_optimizer, self._make_scheduler = optimizer, scheduler
        self._n_steps, self._seed = n_steps, seed

    def configure_optimizers(self) -> Any:
        """The optimiser, and its schedule advanced after every step."""
        optimizer = self._make_optimizer(parameter_groups(self.network))
        schedule = self._make_scheduler(optimizer, self._n_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def training_step(self, batch: WindowBatch, batch_idx: int) -> Tensor:
        """The loss of one batch, every random number in it a function of seed, epoch, batch and
        process."""
        seed = step_seed(self._seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(seed)
        if self.augmentation is not None:
            batch = self.augmentation(batch, torch.Generator().manual_seed(seed))
        self.seen = batch
        eeg = standardise(batch.eeg, batch.observed, batch.center_uv, batch.scale_uv)
        # A guard reads the loss; to read a GPU's input as well would make every step wait.
        would_wait = eeg.device.type != "cpu" and self._is_guarded()
        try:
            with values_unread() if would_wait else nullcontext():
                logits = self.network(eeg, batch.observed)
        except (NonFiniteInput, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
            # Of numbers that are not finite there are no eigenvectors either.
            if torch.isfinite(eeg).all() or not self._is_guarded():
                raise
            # The guard judges by the loss: it keeps the evidence and lets no step happen.
            logits = torch.full_like(eeg[:, 0], torch.nan) + self._zero()
        self.logits = logits.detach()
        return self.loss(logits, batch.label, batch.weight * batch.valid)

    def _is_guarded(self) -> bool:
        """Whether a guard will judge the loss."""
        acting = self.trainer.callbacks  # type: ignore[attr-defined]
        return any(isinstance(each, FiniteGuard) for each in acting)

    def _zero(self) -> Tensor:
        """Nothing, through every parameter that learns: processes that share a step expect a
        gradient for each."""
        trained = [each.sum() for each in self.network.parameters() if each.requires_grad]
        return 0.0 * torch.stack(trained).sum()

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """One step, noting whether a gradient scaler left it out."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        scale = scaler.get_scale() if scaler is not None else 0.0
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.stepped = scaler is None or scaler.get_scale() >= scale

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Advance the schedule, except after a step that was left out."""
        if self.stepped:
            scheduler.step()


def step_seed(seed: int, epoch: int, batch: int, rank: int) -> int:
    """One 63-bit seed for each batch of each process; resuming needs no state of a random
    generator."""
    value = 0
    # splitmix64 (Steele et al., 2014): neighbouring inputs give unrelated seeds.
    for part in (seed, epoch, batch, rank):
        value = (value ^ part) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        value = (value ^ value >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    return value >> 1
