"""A network, its loss and its optimizer as a Lightning module."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from brainbrr.data.windows.augmentation import Augmentation
from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.models.input_checks import NonFiniteInput, values_unread
from brainbrr.models.scaling import standardize
from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.losses import FocalLoss, Loss
from brainbrr.training.parameters import parameter_groups
from brainbrr.training.schedules import warmup_cosine

MakeOptimizer = Callable[[list[dict[str, object]]], Optimizer]
MakeScheduler = Callable[[Optimizer, int], LRScheduler]
DEFAULT_LOSS = FocalLoss()
DEFAULT_OPTIMIZER = partial(torch.optim.AdamW, lr=3e-4, weight_decay=0.05, betas=(0.9, 0.98))
DEFAULT_SCHEDULER = partial(warmup_cosine, warmup_fraction=0.03, final_fraction=0.01)


class SeizureModule(LightningModule):
    """Trains a network to separate seizure from background, sample by sample.

    Validation and test steps log the mean loss, `val/loss` and `test/loss`; event scores come from
    the callback `brainbrr.training.validation.Validation`.

    Args:
        network: `network(eeg, observed) -> logits`, see `brainbrr.models`.
        loss: `loss(logits, label, weight) -> scalar`.
        optimizer: makes the optimizer from parameter groups.
        scheduler: makes the schedule from the optimizer and the number of its steps in the run.
        n_steps: optimizer steps in the run; None takes them from the trainer.
        augmentation: changes training batches on the device, or None.
        seed: determines, with the epoch and the batch's number, all random numbers of a step.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss = DEFAULT_LOSS,
        optimizer: MakeOptimizer = DEFAULT_OPTIMIZER,
        scheduler: MakeScheduler = DEFAULT_SCHEDULER,
        *,
        n_steps: int | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.augmentation = augmentation
        self.stepped = True
        """Whether the last optimizer step changed weights; a step the gradient scaler skipped did
        not."""
        self.seen: WindowBatch | None = None
        """The last training batch, after augmentation."""
        self.logits: Tensor | None = None
        """The output of the network for it."""
        self._make_optimizer, self._make_scheduler = optimizer, scheduler
        self._n_steps, self._seed = n_steps, seed

    def configure_optimizers(self) -> Any:
        """Make the optimizer, and its schedule advanced after every step."""
        optimizer = self._make_optimizer(parameter_groups(self.network))
        n_steps = self._n_steps
        if n_steps is None:
            n_steps = int(self.trainer.estimated_stepping_batches)
        schedule = self._make_scheduler(optimizer, n_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def training_step(self, batch: WindowBatch, batch_idx: int) -> Tensor:
        """Compute the loss of one batch; its random numbers depend on seed, epoch, batch and
        process alone."""
        seed = step_seed(self._seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(seed)
        if self.augmentation is not None:
            batch = self.augmentation(batch, torch.Generator().manual_seed(seed))
        self.seen = batch
        eeg = standardize(batch.eeg, batch.observed, batch.center_uv, batch.scale_uv)
        # A guard reads the loss; reading the input too would make every step wait for the GPU.
        would_wait = eeg.device.type != "cpu" and self._is_guarded()
        try:
            with values_unread() if would_wait else nullcontext():
                logits = self.network(eeg, batch.observed)
        except (NonFiniteInput, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
            # An eigenvalue solver fails on non-finite values too.
            if torch.isfinite(eeg).all() or not self._is_guarded():
                raise
            # The guard reads the loss: it keeps the evidence and prevents the step.
            logits = torch.full_like(eeg[:, 0], torch.nan) + self._zero()
        self.logits = logits.detach()
        return self.loss(logits, batch.label, batch.weight * batch.valid)

    def _is_guarded(self) -> bool:
        """Return whether a guard checks the loss."""
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return any(isinstance(callback, FiniteGuard) for callback in callbacks)

    def _zero(self) -> Tensor:
        """Return a zero that depends on every trainable parameter: processes that share a step
        expect a gradient of each."""
        sums = [weight.sum() for weight in self.network.parameters() if weight.requires_grad]
        return 0.0 * torch.stack(sums).sum()

    def validation_step(self, batch: WindowBatch, batch_idx: int) -> None:
        """Log the loss of a validation batch."""
        self._log_loss("val/loss", batch)

    def test_step(self, batch: WindowBatch, batch_idx: int) -> None:
        """Log the loss of a test batch."""
        self._log_loss("test/loss", batch)

    def _log_loss(self, name: str, batch: WindowBatch) -> None:
        eeg = standardize(batch.eeg, batch.observed, batch.center_uv, batch.scale_uv)
        loss = self.loss(self.network(eeg, batch.observed), batch.label, batch.valid.float())
        # The mean over an epoch weights each batch by its recorded samples.
        self.log(name, loss, batch_size=int(batch.valid.sum()), on_epoch=True, sync_dist=True)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Take a step, and note whether a gradient scaler skipped it."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        scale = scaler.get_scale() if scaler is not None else 0.0
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.stepped = scaler is None or scaler.get_scale() >= scale

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Advance the schedule, except after a skipped step."""
        if self.stepped:
            scheduler.step()


def step_seed(seed: int, epoch: int, batch: int, rank: int) -> int:
    """Compute a 63-bit seed per batch and process, so that resuming needs no state of a random
    generator."""
    value = 0
    # splitmix64 (Steele et al., 2014): neighbouring inputs give unrelated seeds.
    for part in (seed, epoch, batch, rank):
        value = (value ^ part) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        value = (value ^ value >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    return value >> 1
