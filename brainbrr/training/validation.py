"""Score a run after each epoch by its purpose: events found and false alarms raised in entire
validation recordings.

    rows -> RecordingWindows -> run_batched (the network, and the loss) -> traces in a file -> score
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback
from numpy.typing import NDArray
from torch import Tensor, nn

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import OpenSignal, open_mapped
from brainbrr.data.windows.index import Windowing, mark, require_labels, seizure_samples
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.rollout import Batch, RecordingWindows, run_batched
from brainbrr.inference.torch_backend import TorchBackend, probability_of
from brainbrr.training.callbacks.ema import Ema
from brainbrr.training.losses import Loss


@dataclass(frozen=True)
class ValidationScore:
    """What validation found, with the detection parameters it was found with.

    Attributes:
        metrics: name to value, without the prefix `val/`.
        detection: thresholds tuned on these recordings.
        scores: all of it, in the shape of `scores.json`.
        alarm_budget: what the threshold promises about a new patient's alarms, or None.
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

    Traces are stitched at the signal's rate, one recording at a time, and kept at the trace's rate
    in a file: at 16 Hz the 435 hours of TUSZ's development split take 100 MB of it.

    Args:
        rows: the validation recordings.
        cache_folder: where their prepared signals lie.
        windowing: how they are cut up.
        options: whose `eval_batch_size` windows are computed at once.
        score: what the traces are worth.
        loss: whose mean over the recordings is reported.
        scratch: a folder for the file of traces, which is freed with the traces.
        every_n_epochs: epochs from one validation to the next; the last epoch is always validated.
        open_signal: maps a recording's prepared signal.

    Raises:
        InvalidInput: no recordings, none with a seizure, or one without annotation.
        InvalidOption: `every_n_epochs` below 1.
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
        open_signal: OpenSignal = open_mapped,
    ) -> None:
        if every_n_epochs < 1:
            raise InvalidOption(
                "every_n_epochs of 1 or more",
                f"{every_n_epochs}",
                "Correct callbacks.validation.every_n_epochs.",
            )
        require_labels(rows, "validation")
        if not any(row.annotation.seizures for row in rows):
            raise InvalidInput(
                "validation recordings with a seizure",
                f"{len(rows)} recordings, none with one",
                "Move a subject with seizures to the validation split.",
            )
        self.rows, self.cache_folder = list(rows), Path(cache_folder)
        self.windowing, self.options, self.loss = windowing, options, loss
        self.score, self.every_n_epochs = score, every_n_epochs
        self.open_signal = open_signal
        self.scratch = Path(scratch)
        self.history: list[dict[str, float]] = []
        self.detection: Detection | None = None
        self.alarm_budget: dict[str, Any] | None = None
        self.calibration = Calibration()
        self.traces: list[Trace] = []
        self.result: ValidationScore | None = None
        """The score of the last validation, for other callbacks."""
        self.running = False
        """Whether validation is in progress."""

    def state_dict(self) -> dict[str, Any]:
        """Return all scores so far, and the thresholds and calibration last tuned."""
        detection = None if self.detection is None else asdict(self.detection)
        return {
            "history": self.history,
            "detection": detection,
            "alarm_budget": self.alarm_budget,
            "calibration": asdict(self.calibration),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.history = list(state_dict["history"])
        detection = state_dict["detection"]
        self.detection = None if detection is None else Detection(**detection)
        self.alarm_budget = state_dict["alarm_budget"]
        self.calibration = Calibration(**state_dict.get("calibration", {}))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Validate, if it is this epoch's turn."""
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
        """Compute the traces of all recordings in order, and the mean loss; the recordings are
        divided among the processes."""
        rows = self.rows[trainer.global_rank :: trainer.world_size]
        network: nn.Module = pl_module.network
        backend = _LossBackend(
            TorchBackend(network, trainer.precision_plugin.forward_context),
            self.loss,
            {row.recording_id: seizure_samples(row, self.windowing.rate_hz) for row in rows},
        )
        was_training = network.training
        network.eval()
        try:
            done = run_batched(map(self._windows, rows), backend, self.options.eval_batch_size)
            traces = on_disk((recording.trace() for recording in done), self.scratch)
        finally:
            network.train(was_training)
        total = backend.total
        if trainer.world_size > 1:
            parts: list[Any] = [None] * trainer.world_size
            torch.distributed.all_gather_object(parts, (traces, total))
            traces, total = gather(parts, len(self.rows))
            traces = on_disk(traces, self.scratch)
        return traces, float(total[0] / total[1])

    def _windows(self, row: ManifestRow) -> RecordingWindows:
        signal = self.open_signal(row, self.cache_folder)
        recording = PreparedEeg.of_row(row, signal, self.windowing.rate_hz)
        return RecordingWindows(recording, self.windowing, refuse_blind=False)


class _LossBackend:
    """A backend that accumulates the loss of what it computes.

    Args:
        backend: the network.
        loss: of a batch.
        seizures: `(n, 2)` samples of each recording's seizures, by its id.

    Attributes:
        total: the loss times the recorded samples, and their number.
    """

    def __init__(
        self, backend: TorchBackend, loss: Loss, seizures: Mapping[str, NDArray[np.int64]]
    ) -> None:
        self._backend, self._loss, self._seizures = backend, loss, seizures
        self.total = torch.zeros(2, dtype=torch.float64)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """Compute the probability of each sample."""
        logits = self._backend.logits(batch)
        label = np.zeros(logits.shape, dtype=bool)
        valid = np.zeros(logits.shape, dtype=np.float32)
        for number, (recording, window) in enumerate(batch.members):
            span = recording.spans[window]
            mark(label[number], self._seizures[recording.prepared.name], span, True)
            valid[number, : span[1] - span[0]] = 1.0
        weight = torch.from_numpy(valid).to(logits.device)
        loss = self._loss(logits, torch.from_numpy(label).to(logits.device), weight)
        # To the CPU first: Apple GPUs have no double precision.
        mean, count = loss.cpu().double(), weight.sum().cpu().double()
        self.total += torch.stack([mean * count, count])
        return probability_of(logits)


def gather(parts: Sequence[tuple[list[Trace], Tensor]], n_rows: int) -> tuple[list[Trace], Tensor]:
    """Put together what processes made of every `len(parts)`-th recording, in recordings' order."""
    n_ranks = len(parts)
    traces = [parts[number % n_ranks][0][number // n_ranks] for number in range(n_rows)]
    return traces, torch.stack([total for _, total in parts]).sum(0)


def on_disk(traces: Iterable[Trace], folder: Path) -> list[Trace]:
    """Return the same traces, their values mapped from one unnamed file in a folder.

    One trace at a time is in memory while they are written. The system frees the file with the
    last trace that refers to it, and however the process ends.

    Args:
        traces: produced one after another.
        folder: on the disk that has room for them: four bytes per value.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stubs, sizes = [], []
    with tempfile.TemporaryFile(dir=folder) as file:
        for trace in traces:
            file.write(trace.probability.tobytes())
            sizes.append(trace.probability.size)
            stubs.append(replace(trace, probability=trace.probability[:1].copy()))
        if not stubs:
            return []
        file.flush()
        values = np.memmap(file, dtype=np.float32, mode="r")
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [replace(stub, probability=part) for stub, part in zip(stubs, parts, strict=True)]
