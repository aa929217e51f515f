"""Scores a run by what it is for: events found and false alarms raised in whole validation
recordings."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning import Callback
from torch import Tensor

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import OpenSignal, WindowBatch, open_mapped
from brainbrr.data.windows.index import Windowing, require_labels
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.training.callbacks.ema import Ema
from brainbrr.training.losses import Loss
from brainbrr.training.prediction import predict_traces
from brainbrr.training.traces_on_disk import on_disk

log = logging.getLogger(__name__)


class NothingToValidate(BrainbrrError):
    """A validation split without recordings, or without seizures."""


@dataclass(frozen=True)
class ValidationScore:
    """What validation found, with the detection parameters it was found with.

    Attributes:
        metrics: name to value, without the `val/` in front.
        detection: thresholds tuned on these recordings.
        scores: all of it, in the shape of `scores.json`.
        alarm_budget: what the threshold promises of a new patient's alarms, or None.
        calibration: what the probabilities are worth, fitted on these recordings.
    """

    metrics: dict[str, float]
    detection: Detection
    scores: dict[str, Any] = field(default_factory=dict)
    alarm_budget: dict[str, Any] | None = None
    calibration: Calibration = Calibration()  # noqa: RUF009  # frozen


ScoreTraces = Callable[[Sequence[Trace], Sequence[Annotation]], ValidationScore]


class Validation(Callback):
    """After each epoch, traces of all validation recordings, their score, and the mean loss.

    Traces are stitched at the signal's rate, one recording at a time, and kept at a reduced rate in
    a file: at 16 Hz the 435 hours of TUSZ's development split take 100 MB of it.

    Args:
        rows: the validation recordings.
        cache_folder: where their prepared signals lie.
        windowing: how they are cut up.
        options: batch size and workers.
        score: what the traces are worth.
        loss: whose mean over the recordings is reported.
        scratch: a folder for the file of traces, which vanishes with the traces.
        every_n_epochs: epochs from one validation to the next; the last epoch is always validated.
        trace_rate_hz: rate at which traces are kept.
        open_signal: maps a recording's prepared signal.

    Raises:
        NothingToValidate: no recordings, or none with a seizure.
        UnlabelledRecording: a recording without annotation.
    """

    def __init__(
        self,
        rows: Sequence[ManifestRow],
        cache_folder: Path,
        *,
        windowing: Windowing,
        options: LoaderOptions,
        score: ScoreTraces,
        loss: Loss,
        scratch: Path,
        every_n_epochs: int = 1,
        trace_rate_hz: float = 16.0,
        open_signal: OpenSignal = open_mapped,
    ) -> None:
        require_labels(rows, "validation")
        if not any(row.annotation.seizures for row in rows):
            raise NothingToValidate(
                "validation recordings with a seizure",
                f"{len(rows)} recordings, none with one",
                "Move a subject with seizures to the validation split.",
            )
        self.rows, self.cache_folder = list(rows), Path(cache_folder)
        self.windowing, self.options, self.loss = windowing, options, loss
        self.score, self.every_n_epochs = score, every_n_epochs
        self.trace_rate_hz, self.open_signal = trace_rate_hz, open_signal
        self.scratch = Path(scratch)
        self.history: list[dict[str, float]] = []
        self.detection: Detection | None = None
        self.alarm_budget: dict[str, Any] | None = None
        self.calibration = Calibration()
        self.traces: list[Trace] = []
        self.result: ValidationScore | None = None
        """Of the last validation, for whoever wants to look at it."""
        self.running = False
        """Whether recordings are being gone through right now."""

    def state_dict(self) -> dict[str, Any]:
        """All scores so far, the thresholds last tuned and the calibration that goes with them."""
        detection = None if self.detection is None else asdict(self.detection)
        return {
            "history": self.history,
            "detection": detection,
            "alarm_budget": self.alarm_budget,
            "calibration": asdict(self.calibration),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.history = list(state_dict["history"])
        detection = state_dict["detection"]
        self.detection = None if detection is None else Detection(**detection)
        self.alarm_budget = state_dict["alarm_budget"]
        self.calibration = Calibration(**state_dict.get("calibration", {}))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Validate, where it is this epoch's turn."""
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs and epoch != trainer.max_epochs:
            return
        traces, loss = self._with_average(trainer, pl_module)
        result = self.score(traces, [row.annotation for row in self.rows])
        self.traces, self.result, self.detection = traces, result, result.detection
        self.alarm_budget, self.calibration = result.alarm_budget, result.calibration
        metrics = {f"val/{name}": value for name, value in result.metrics.items()}
        metrics["val/loss"] = loss
        self.history.append({"epoch": float(epoch), "step": float(trainer.global_step)} | metrics)
        published = metrics | {"val/step": float(trainer.global_step)}
        trainer.callback_metrics.update(
            {name: torch.tensor(value, dtype=torch.float64) for name, value in published.items()}
        )
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=trainer.global_step)

    def _with_average(self, trainer: Any, pl_module: Any) -> tuple[list[Trace], float]:
        averages = [each for each in trainer.callbacks if isinstance(each, Ema)]
        self.running = True
        for average in averages:
            average.exchange(pl_module.network)
        try:
            return self.predict(trainer, pl_module)
        finally:
            for average in averages:
                average.exchange(pl_module.network)
            self.running = False

    def predict(self, trainer: Any, pl_module: Any) -> tuple[list[Trace], float]:
        """Traces of all recordings in order, and the mean loss; the recordings are shared among the
        processes."""
        mine = self.rows[trainer.global_rank :: trainer.world_size]
        total = torch.zeros(2, dtype=torch.float64)

        def add_loss(logits: Tensor, batch: WindowBatch) -> None:
            weight = batch.valid.float()
            loss = self.loss(logits, batch.label, weight)
            # To the processor first: Apple GPUs have no double precision.
            mean, count = loss.cpu().double(), weight.sum().cpu().double()
            total.add_(torch.stack([mean * count, count]))

        predicted = predict_traces(
            pl_module.network,
            mine,
            self.cache_folder,
            windowing=self.windowing,
            options=self.options,
            device=pl_module.device,
            autocast=trainer.precision_plugin.forward_context,
            trace_rate_hz=self.trace_rate_hz,
            open_signal=self.open_signal,
            on_batch=add_loss,
        )
        traces = on_disk((trace for _, trace in predicted), self.scratch)
        if trainer.world_size > 1:
            parts: list[Any] = [None] * trainer.world_size
            torch.distributed.all_gather_object(parts, (traces, total))
            traces, total = gather(parts, len(self.rows))
            traces = on_disk(traces, self.scratch)
        return traces, float(total[0] / total[1])


def gather(parts: Sequence[tuple[list[Trace], Tensor]], n_rows: int) -> tuple[list[Trace], Tensor]:
    """Put together what processes made of every `len(parts)`-th recording, in recordings' order."""
    n_ranks = len(parts)
    whole = [parts[number % n_ranks][0][number // n_ranks] for number in range(n_rows)]
    return whole, torch.stack([total for _, total in parts]).sum(0)
