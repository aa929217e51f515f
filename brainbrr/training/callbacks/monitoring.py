"""Log a run in progress: loss, learning rate, gradient, speed, time spent waiting, loss spikes."""

import logging
import math
import time
from typing import Any

import torch
from lightning import Callback
from torch import Tensor
from torch.optim import Optimizer

from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.training.callbacks.finite_guard import FiniteGuard, gradient_norm

log = logging.getLogger(__name__)


class Monitoring(Callback):
    """Logs scalars at every `log_every_n_steps`-th optimizer step.

    `train/loss` is the mean since the last entry; `train/data_wait` the fraction of time in which
    the device waited for a batch; `train/seizure_fraction` the fraction of seizure in the training
    samples.
    """

    def __init__(self) -> None:
        self._step = 0
        self._norm: Tensor | None = None
        self._waited_s = 0.0
        self._clear()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the timer."""
        self._step = trainer.global_step
        self._clear()
        self._waited_s = trainer.train_dataloader.waited_s

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Exclude the validation between two epochs from the time."""
        self._began_s += time.perf_counter() - self._ended_s

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Optimizer) -> None:
        """Keep the gradient norm before clipping, if this step will be logged."""
        if (trainer.global_step + 1) % trainer.log_every_n_steps == 0:
            self._norm = gradient_norm(pl_module.network)

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: WindowBatch,
        batch_idx: int,
    ) -> None:
        """Accumulate, and log after each `log_every_n_steps`-th step."""
        self._ended_s = time.perf_counter()
        self._windows += len(batch.eeg)
        self._losses.append(outputs["loss"].detach())
        self._seizure.append((batch.label & batch.valid).sum() / batch.valid.sum().clamp(min=1))
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._step % trainer.log_every_n_steps == 0:
            metrics = self._metrics(trainer)
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step=self._step)
            self._clear()

    def _metrics(self, trainer: Any) -> dict[str, float]:
        elapsed_s = max(self._ended_s - self._began_s, 1e-9)
        waited_s = trainer.train_dataloader.waited_s
        metrics = {
            # Lightning returns the loss divided by the number of accumulated batches.
            "train/loss": float(torch.stack(self._losses).mean()) * trainer.accumulate_grad_batches,
            "train/seizure_fraction": float(torch.stack(self._seizure).mean()),
            "train/learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "train/windows_per_s": self._windows * trainer.world_size / elapsed_s,
            "train/data_wait": min((waited_s - self._waited_s) / elapsed_s, 1.0),
        }
        self._waited_s = waited_s
        if self._norm is not None:
            metrics["train/gradient_norm"] = float(self._norm)
        for callback in trainer.callbacks:
            if isinstance(callback, FiniteGuard):
                metrics["guard/skipped_steps"] = float(callback.n_skipped)
                metrics["guard/overflows_in_a_row"] = float(callback.overflows)
            if isinstance(callback, LossSpikeMonitor):
                metrics["guard/loss_spikes"] = float(callback.n_spikes)
        if torch.cuda.is_available():
            metrics["device/peak_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
        return metrics

    def _clear(self) -> None:
        self._began_s = self._ended_s = time.perf_counter()
        self._windows = 0
        self._losses: list[Tensor] = []
        self._seizure: list[Tensor] = []


class LossSpikeMonitor(Callback):
    """Logs a warning when a loss is far above those before it; changes nothing.

    Args:
        factor: standard deviations above the moving mean that make a spike.
        memory: batches in the moving mean and standard deviation.
    """

    def __init__(self, factor: float = 6.0, memory: int = 100) -> None:
        self.factor, self.memory = factor, memory
        self.n_spikes, self._seen = 0, 0
        self._mean, self._variance = 0.0, 0.0
        self._step = 0
        self._pending: list[Tensor] = []

    @property
    def state_key(self) -> str:
        """Return the key of the state in checkpoints, which stored runs already hold."""
        return "SpikeWatch"

    def state_dict(self) -> dict[str, Any]:
        """Return the moving mean and variance."""
        return {
            "n_spikes": self.n_spikes,
            "seen": self._seen,
            "mean": self._mean,
            "variance": self._variance,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both."""
        self.n_spikes, self._seen = state_dict["n_spikes"], state_dict["seen"]
        self._mean, self._variance = state_dict["mean"], state_dict["variance"]

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: WindowBatch,
        batch_idx: int,
    ) -> None:
        """Collect losses and compare them with those before once a step is complete, when the host
        waits for the device anyway."""
        self._pending.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        if trainer.global_step != self._step:
            self._step = trainer.global_step
            self._compare()

    def _compare(self) -> None:
        losses = torch.stack(self._pending).tolist() if self._pending else []
        self._pending = []
        for loss in losses:
            if not math.isfinite(loss):
                continue
            deviation = loss - self._mean
            if self._seen >= self.memory and deviation > self.factor * math.sqrt(self._variance):
                self.n_spikes += 1
                log.warning(
                    "Loss %.4g at step %d; the mean of the last batches is %.4g",
                    loss, self._step, self._mean,
                )  # fmt: skip
            self._seen += 1
            fraction = 1 / min(self._seen, self.memory)
            self._mean += fraction * deviation
            self._variance = (1 - fraction) * (self._variance + fraction * deviation**2)
