"""Train a network: from built parts to checkpoints, scores and tuned thresholds."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch import nn

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.augmentation import Augmentation
from brainbrr.data.windows.dataset import OpenSignal, WeightedSpans, open_mapped
from brainbrr.data.windows.index import Windowing
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.training.batch_size import with_fitting_batch
from brainbrr.training.callbacks.callback_set import CallbackSet
from brainbrr.training.callbacks.checkpoint_file import (
    BEST,
    LAST,
    newest_checkpoint,
    read_checkpoint,
)
from brainbrr.training.callbacks.checkpoints import DurableCheckpoints
from brainbrr.training.callbacks.metrics_file import MetricsFile, purge_curves
from brainbrr.training.datamodule import WindowDataModule, rows_of_split
from brainbrr.training.losses import Loss
from brainbrr.training.module import MakeOptimizer, MakeScheduler, SeizureModule
from brainbrr.training.resume import Fingerprint, fingerprint_of
from brainbrr.training.trainer_options import TrainerOptions, prepare_network, quiet_lightning
from brainbrr.training.validation import ScoreTraces, Validation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """The result of a training run.

    Attributes:
        best_checkpoint: of the epoch with the highest monitored metric, or the last checkpoint if
            there is no best metric.
        last_checkpoint: of the last step.
        best_metric: that highest value; None if nothing was monitored or it was never defined.
        detection: thresholds tuned on the validation recordings for the best checkpoint.
        alarm_budget: their promise for a new patient's alarms, or None.
        calibration: fitted on the same recordings with the same weights.
        history: one entry per validation: epoch, step and all metrics.
        seizure_fraction: fraction of seizure in the sampled windows.
    """

    best_checkpoint: Path
    last_checkpoint: Path
    best_metric: float | None
    detection: Detection | None
    alarm_budget: dict[str, Any] | None
    calibration: Calibration
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
    open_signal: OpenSignal = open_mapped,
) -> FitResult:
    """Train on the split `train`, validate on the split `val`, and keep the newest and the best
    checkpoint.

    Args:
        network: freshly built; its weights are replaced when a run is resumed. It ends on the
            device it was trained on.
        rows: the manifest.
        cache_folder: the folder of the prepared signals.
        run_dir: the folder of checkpoints and, temporarily, of validation traces.
        windowing: how recordings are cut into windows.
        weights: segments of recordings with another weight in the loss, by recording id.
        configuration: the resolved configuration as plain values, stored in each checkpoint.
        seed: of windows, augmentation and dropout.
        resume: resume from the newest intact checkpoint of `run_dir`.

    Raises:
        NotFound: no recording in a split, or no checkpoint to resume from.
        InvalidInput: no seizure in the training split, or the checkpoint is of another run.
    """
    fitting, validating = (rows_of_split(rows, name) for name in ("train", "val"))
    checkpoints = callbacks.checkpoints(configuration=configuration)
    start = newest_checkpoint(checkpoints.folder) if resume else None
    # Before anything is logged: curves after the checkpoint would be drawn twice.
    stored = None if start is None else rewind(loggers, start)
    if trainer.fit_batch:
        trainer, dataloader = with_fitting_batch(
            network, trainer, dataloader, windowing.length, stored
        )
    data = WindowDataModule(
        cache_folder, fitting, windowing=windowing, options=dataloader,
        seed=seed, weights=weights, open_signal=open_signal,
    )  # fmt: skip
    fraction = data.seizure_fraction
    loss = loss.for_seizure_fraction(fraction)
    log.info("Seizure in %.1f %% of the sampled windows' time; loss %s", 100 * fraction, loss)
    validation = callbacks.validation(
        validating, cache_folder, windowing=windowing, options=dataloader, score=score, loss=loss,
        scratch=run_dir, open_signal=open_signal,
    )  # fmt: skip
    identity = Fingerprint()
    active = [identity, validation, *callbacks.others, checkpoints]
    with quiet_lightning():
        lightning = trainer.trainer(run_dir, active, list(loggers))
    prepare_network(network, trainer)
    n_steps = trainer.n_steps(data.sampler(0, lightning.world_size).n_batches)
    module = SeizureModule(
        network, loss, optimizer, scheduler, n_steps=n_steps, augmentation=augmentation, seed=seed
    )
    identity.content = fingerprint_of(
        network, fitting + validating, seed=seed, n_steps=n_steps, n_ranks=lightning.world_size,
        batch_size=dataloader.batch_size, windowing=windowing, balance=dataloader.balance,
        accumulate=trainer.accumulate_grad_batches,
        callbacks=sorted(callback.state_key for callback in active if callback.state_dict()),
    )  # fmt: skip
    # Only now is everything known that decides the next bits of a run, and nothing restored yet.
    if start is not None and stored is not None:
        identity.check(stored, start)
    with quiet_lightning():
        lightning.fit(module, datamodule=data, ckpt_path=start)
    # Lightning leaves the network on the CPU, where the test on unseen subjects would then run.
    network.to(lightning.strategy.root_device)
    note_outcome(loggers, configuration, checkpoints)
    return _result(checkpoints, validation, fraction)


def rewind(loggers: Sequence[Logger], start: Path) -> dict[str, Any]:
    """Drop metrics and curves after a checkpoint, and return its content."""
    content = read_checkpoint(start)
    step = int(content["global_step"])
    for logger in loggers:
        if isinstance(logger, MetricsFile):
            logger.rewind(step)
        if isinstance(logger, TensorBoardLogger):
            purge_curves(logger, step)
    return content


def note_outcome(
    loggers: Sequence[Logger],
    configuration: dict[str, Any] | None,
    checkpoints: DurableCheckpoints,
) -> None:
    """Log the configuration with the best metric to TensorBoard's table of runs."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger) and checkpoints.best_metric is not None:
            best = {f"best/{checkpoints.monitor}": checkpoints.best_metric}
            logger.log_hyperparams(configuration or {}, best)


def _result(checkpoints: DurableCheckpoints, validation: Validation, fraction: float) -> FitResult:
    best, last = checkpoints.folder / BEST, checkpoints.folder / LAST
    detection, alarm_budget = validation.detection, validation.alarm_budget
    calibration = validation.calibration
    if checkpoints.best_metric is not None:
        stored = read_checkpoint(best)["callbacks"][validation.state_key]
        detection, alarm_budget = Detection(**stored["detection"]), stored["alarm_budget"]
        calibration = Calibration(**stored.get("calibration", {}))
    return FitResult(
        best if checkpoints.best_metric is not None else last,
        last,
        checkpoints.best_metric,
        detection,
        alarm_budget,
        calibration,
        validation.history,
        fraction,
    )
