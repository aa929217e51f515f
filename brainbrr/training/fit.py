"""Train a network: one function from built parts to checkpoints, scores and tuned thresholds."""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.pytorch.loggers import Logger
from torch import nn

from brainbrr.data.augmentation import Augmentation
from brainbrr.data.loader import LoaderOptions
from brainbrr.data.manifest import ManifestRow
from brainbrr.data.window_dataset import OpenSignal, WeightedSpans, open_npy
from brainbrr.data.window_index import Windowing
from brainbrr.errors import BrainbrrError
from brainbrr.events.detection import Detection
from brainbrr.training.checkpoint_file import BEST, LAST, newest_checkpoint, read_checkpoint
from brainbrr.training.checkpoints import DurableCheckpointIO, DurableCheckpoints
from brainbrr.training.datamodule import WindowDataModule
from brainbrr.training.finite_guard import stop_at_non_finite
from brainbrr.training.losses import Loss
from brainbrr.training.metrics_file import MetricsFile
from brainbrr.training.module import MakeOptimizer, MakeScheduler, SeizureModule
from brainbrr.training.parameter_groups import freeze
from brainbrr.training.resume import Fingerprint, fingerprint_of
from brainbrr.training.validation import ScoreTraces, Validation

log = logging.getLogger(__name__)


MEANT_SO = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "The number of training batches",
    "Found .* module.* in eval mode at the start of training",
    "Checkpoint directory .* exists and is not empty",
)
"""Beginnings of warnings by Lightning: its own use of torch, epochs shorter than the logging interval,
a frozen part in evaluation mode, a resumed run's folder."""


class EmptySplit(BrainbrrError):
    """A split without recordings."""


@dataclass(frozen=True)
class TrainerOptions:
    """How long, where and how precisely to train.

    Attributes:
        max_epochs: passes over the balanced windows.
        accelerator, devices, strategy: as Lightning names them (`auto`, `gpu`, `cpu`; 2; `ddp`).
        precision: `32-true`, `bf16-mixed` or `16-mixed`.
        accumulate_grad_batches: batches whose gradients make one step; the effective batch is this
            times the batch size.
        gradient_clip_norm: longest gradient; 0 for no limit.
        log_every_n_steps: steps from one logged loss to the next.
        limit_train_batches: batches of an epoch, or share of them where it is a fraction of 1.
        matmul_precision: `highest`, `high` (TF32 on Ampere and newer) or `medium`.
        benchmark: let cuDNN search its fastest algorithm.
        deterministic: refuse algorithms whose result depends on timing.
        compile_network: translate the network with torch.compile; the first steps take minutes.
        checkpoint_gradients: recompute each child of the network in the backward pass: less memory,
            more time.
        freeze: names of parameters to hold, as shell patterns.
        watch_modules: stop at the first module whose output is not finite; slow.
        detect_anomaly: let torch name the operation whose gradient is not a number; very slow.
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
    detect_anomaly: bool = False

    def trainer(self, run_dir: Path, callbacks: list[Callback], loggers: list[Logger]) -> Trainer:
        """Lightning's trainer with this project's checkpoints, and without what the project does
        itself."""
        return Trainer(
            max_epochs=self.max_epochs,
            accelerator=self.accelerator,
            devices=self.devices,
            strategy=self.strategy,
            precision=self.precision,
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
            plugins=[DurableCheckpointIO()],
            use_distributed_sampler=False,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    def n_steps(self, n_batches: int) -> int:
        """Optimiser steps in the whole run of epochs of this many batches."""
        limit = self.limit_train_batches
        used = min(n_batches, limit) if isinstance(limit, int) else int(n_batches * limit)
        return self.max_epochs * math.ceil(used / self.accumulate_grad_batches)


@dataclass(frozen=True)
class CallbackSet:
    """What happens besides the training itself; each may be absent but the first two.

    Attributes:
        validation: makes the `Validation`, given what only the run knows.
        checkpoints: makes the `DurableCheckpoints`, given the configuration.
        extra: any other Lightning callbacks.
    """

    validation: Callable[..., Validation]
    checkpoints: Callable[..., DurableCheckpoints]
    early_stopping: Callback | None = None
    finite_guard: Callback | None = None
    spike_watch: Callback | None = None
    ema: Callback | None = None
    preemption: Callback | None = None
    progress: Callback | None = None
    monitoring: Callback | None = None
    extra: Sequence[Callback] = ()

    @property
    def others(self) -> list[Callback]:
        """All that need nothing more, in the order in which they act."""
        every = (
            self.finite_guard, self.ema, self.spike_watch, self.monitoring,
            self.early_stopping, self.progress, self.preemption, *self.extra,
        )  # fmt: skip
        return [callback for callback in every if callback is not None]


@dataclass(frozen=True)
class FitResult:
    """What a training run leaves.

    Attributes:
        best_checkpoint: of the epoch with the highest monitored metric.
        last_checkpoint: of the last step.
        best_metric: that highest value, or None where nothing was monitored.
        detection: thresholds tuned on the validation recordings for the best checkpoint.
        history: one entry a validation: epoch, step and all metrics.
        seizure_fraction: share of seizure in the sampled windows.
    """

    best_checkpoint: Path
    last_checkpoint: Path
    best_metric: float | None
    detection: Detection | None
    history: list[dict[str, float]] = field(default_factory=list)
    seizure_fraction: float = math.nan


def train(
    *,
    network: nn.Module,
    rows: Sequence[ManifestRow],
    cache_folder: Path,
    run_dir: Path,
    windowing: Windowing,
    loss: Loss,
    optimizer: MakeOptimizer,
    scheduler: MakeScheduler,
    trainer: TrainerOptions,
    dataloader: LoaderOptions,
    callbacks: CallbackSet,
    score: ScoreTraces,
    loggers: Sequence[Logger] = (),
    augmentation: Augmentation | None = None,
    weights: dict[str, WeightedSpans] | None = None,
    configuration: dict[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    open_signal: OpenSignal = open_npy,
) -> FitResult:
    """Train on the rows of split `train`, validate on those of split `val`, and keep the newest and
    the best.

    Args:
        network: freshly built; its weights are replaced where a run is resumed.
        rows: the manifest.
        cache_folder: where prepared signals lie.
        run_dir: where checkpoints go.
        windowing: how recordings are cut up.
        weights: stretches of recordings that count more or less in the loss, by recording id.
        configuration: the resolved configuration as plain values, stored in each checkpoint.
        seed: of windows, augmentation and dropout.
        resume: continue from the newest intact checkpoint of `run_dir`.

    Raises:
        EmptySplit: no recording in a split.
        NoSeizures: nothing to learn in the training split.
        NoCheckpoint, ResumeMismatch: nothing to continue, or another run than this one.
    """
    fitting, validating = (_split(rows, name) for name in ("train", "val"))
    data = WindowDataModule(
        fitting, cache_folder, windowing=windowing, options=dataloader,
        seed=seed, weights=weights, open_signal=open_signal,
    )  # fmt: skip
    fraction = data.seizure_fraction
    loss = loss.for_seizure_fraction(fraction)
    log.info("Seizure in %.1f %% of the sampled windows' time; loss %s", 100 * fraction, loss)
    validation = callbacks.validation(
        validating, cache_folder, windowing=windowing, options=dataloader, score=score, loss=loss,
        open_signal=open_signal,
    )  # fmt: skip
    checkpoints = callbacks.checkpoints(configuration=configuration)
    identity = Fingerprint()
    acting = [identity, validation, *callbacks.others, checkpoints]
    with quiet_lightning():
        lightning = trainer.trainer(run_dir, acting, list(loggers))
    _prepare(network, trainer)
    n_steps = trainer.n_steps(data.sampler(0, lightning.world_size).n_batches)
    module = SeizureModule(
        network, loss, optimizer, scheduler, n_steps=n_steps, augmentation=augmentation, seed=seed
    )
    identity.content = fingerprint_of(
        network, fitting + validating, seed=seed, n_steps=n_steps, n_ranks=lightning.world_size,
        batch_size=dataloader.batch_size, windowing=windowing, balance=dataloader.balance,
        accumulate=trainer.accumulate_grad_batches,
        callbacks=sorted(callback.state_key for callback in acting if callback.state_dict()),
    )  # fmt: skip
    start = newest_checkpoint(checkpoints.folder) if resume else None
    if start is not None:
        identity.check(rewind(loggers, start), start)
    with quiet_lightning():
        lightning.fit(module, datamodule=data, ckpt_path=start)
    return _result(checkpoints, validation, fraction)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence the notes in which Lightning explains itself, and its warnings about what is meant
    so; other warnings stay."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in MEANT_SO:
            warnings.filterwarnings("ignore", message)
        yield


def rewind(loggers: Sequence[Logger], start: Path) -> dict[str, Any]:
    """Let metric files forget what lies behind a checkpoint; the checkpoint's content."""
    content = read_checkpoint(start)
    for logger in loggers:
        if isinstance(logger, MetricsFile):
            logger.rewind(int(content["global_step"]))
    return content


def _split(rows: Sequence[ManifestRow], name: str) -> list[ManifestRow]:
    chosen = [row for row in rows if row.split == name]
    if not chosen:
        found = ", ".join(sorted({row.split or "none" for row in rows})) or "no recordings"
        raise EmptySplit(
            f"recordings in the split {name}",
            f"splits: {found}",
            "Prepare the corpus with a split.",
        )
    return chosen


def _prepare(network: nn.Module, options: TrainerOptions) -> None:
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
    """Let each child of a network recompute its forward pass in the backward one, instead of
    keeping it in memory.

    Parameter names stay as they are.
    """
    for child in network.children():
        child.forward = _recomputed(child.forward)  # type: ignore[method-assign]


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return torch.utils.checkpoint.checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return recomputed


def _result(checkpoints: DurableCheckpoints, validation: Validation, fraction: float) -> FitResult:
    best, last = checkpoints.folder / BEST, checkpoints.folder / LAST
    detection = validation.detection
    if checkpoints.best_metric is not None:
        stored = read_checkpoint(best)["callbacks"][validation.state_key]["detection"]
        detection = Detection(**stored)
    return FitResult(
        best if checkpoints.best_metric is not None else last,
        last,
        checkpoints.best_metric,
        detection,
        validation.history,
        fraction,
    )
