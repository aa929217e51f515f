"""Length, device and precision of a training run."""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.utils.checkpoint import checkpoint

from brainbrr.errors import InvalidOption
from brainbrr.inference.annotator import OF_TRAINER
from brainbrr.training.callbacks.checkpoints import DurableCheckpointIO
from brainbrr.training.callbacks.finite_guard import stop_at_non_finite
from brainbrr.training.parameters import freeze

log = logging.getLogger(__name__)

EXPECTED_WARNINGS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "The number of training batches",
    "Found .* module.* in eval mode at the start of training",
    "Checkpoint directory .* exists and is not empty",
)
"""Prefixes of Lightning's warnings: its own use of torch, epochs shorter than the logging
interval, a frozen part in evaluation mode, the folder of a resumed run."""

CHOICES = {
    "accelerator": ("auto", "cpu", "gpu", "cuda", "mps"),
    "precision": tuple(OF_TRAINER),
    "matmul_precision": ("highest", "high", "medium"),
}


@dataclass(frozen=True)
class TrainerOptions:
    """Length, device and precision of a training run.

    Attributes:
        max_epochs: passes over the balanced windows.
        accelerator, devices, strategy: as Lightning names them (`auto`, `gpu`, `cpu`; 2; `ddp`).
        precision: `32-true`, `bf16-mixed` or `16-mixed`.
        accumulate_grad_batches: batches per optimizer step; the effective batch is this times the
            batch size.
        gradient_clip_norm: maximum gradient norm; 0 for no limit.
        log_every_n_steps: steps from one logged loss to the next.
        limit_train_batches: batches per epoch (int), or the fraction of them (float).
        matmul_precision: `highest`, `high` (TF32 on Ampere and newer) or `medium`.
        benchmark: let cuDNN search for its fastest algorithm.
        deterministic: refuse algorithms whose result depends on timing.
        compile_network: compile the network with torch.compile; the first steps take minutes, and
            non-finite EEG is detected by its loss, no longer by the network's input checks.
        checkpoint_gradients: recompute each child of the network in the backward pass, for less
            memory.
        freeze: names of parameters to freeze, as shell patterns.
        watch_modules: stop at the first module with a non-finite output; slow.
        fit_batch: find the largest batch that fits the device, and accumulate accordingly.
        detect_anomaly: let torch name the operation whose gradient is NaN; very slow.
        plugins: further plugins of Lightning.
    """

    max_epochs: int
    accelerator: str = "auto"
    devices: int | str = 1
    strategy: str = "auto"
    precision: str = "32-true"
    accumulate_grad_batches: int = 1
    gradient_clip_norm: float = 1.0
    log_every_n_steps: int = 10
    limit_train_batches: int | float = 1.0
    matmul_precision: str = "highest"
    benchmark: bool = False
    deterministic: bool = False
    compile_network: bool = False
    checkpoint_gradients: bool = False
    freeze: Sequence[str] = ()
    watch_modules: bool = False
    fit_batch: bool = False
    detect_anomaly: bool = False
    plugins: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise InvalidOption(
                    f"{name} {' or '.join(choices)}", str(value), f"Correct trainer.{name}."
                )
        for name in ("max_epochs", "accumulate_grad_batches", "log_every_n_steps"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InvalidOption(f"{name} of 1 or more", str(value), f"Correct trainer.{name}.")
        for name in ("gradient_clip_norm", "limit_train_batches"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or value < 0:
                raise InvalidOption(f"{name} of 0 or more", str(value), f"Correct trainer.{name}.")

    def trainer(self, run_dir: Path, callbacks: list[Callback], loggers: list[Logger]) -> Trainer:
        """Make Lightning's trainer, with this project's checkpoints, validation and progress."""
        return Trainer(
            max_epochs=self.max_epochs,
            accelerator=self.accelerator,
            devices=self.devices,
            strategy=self.strategy,
            precision=self.precision,  # type: ignore[arg-type]
            accumulate_grad_batches=self.accumulate_grad_batches,
            gradient_clip_val=self.gradient_clip_norm or None,
            log_every_n_steps=self.log_every_n_steps,
            limit_train_batches=self.limit_train_batches,
            benchmark=self.benchmark,
            deterministic=self.deterministic,
            detect_anomaly=self.detect_anomaly,
            default_root_dir=run_dir,
            callbacks=callbacks,
            logger=loggers,
            plugins=[DurableCheckpointIO(), *self.plugins],
            use_distributed_sampler=False,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    def n_steps(self, n_batches: int) -> int:
        """Compute the optimizer steps of the run from the batches per epoch."""
        limit = self.limit_train_batches
        used = min(n_batches, limit) if isinstance(limit, int) else int(n_batches * limit)
        return self.max_epochs * math.ceil(used / self.accumulate_grad_batches)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notes and its warnings about intended settings; others stay."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def prepare_network(network: nn.Module, options: TrainerOptions) -> None:
    """Freeze, watch, checkpoint or compile a network according to the options."""
    torch.set_float32_matmul_precision(options.matmul_precision)
    if options.freeze:
        log.info("Frozen: %d values", freeze(network, options.freeze))
    if options.watch_modules:
        stop_at_non_finite(network)
    if options.checkpoint_gradients:
        checkpoint_children(network)
    if options.compile_network:
        network.compile()


def checkpoint_children(network: nn.Module) -> None:
    """Let each child of a network recompute its forward pass in the backward pass, instead of
    keeping its activations in memory.

    Parameter names stay as they are.
    """
    for child in network.children():
        child.forward = _recomputed(child.forward)


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return recomputed
