"""Figures of each validation in TensorBoard: the curves, the worst miss, the worst false alarm."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from lightning import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from brainbrr.events.detection import detect
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.reporting.cases import Case, Kind, with_excerpt
from brainbrr.reporting.eeg_figure import eeg_figure
from brainbrr.reporting.figures import curve_figure, precision_figure
from brainbrr.reporting.markup import Html
from brainbrr.reporting.raster import raster
from brainbrr.scoring.calibration import count_samples
from brainbrr.signal.quantization import dequantize
from brainbrr.training.callbacks.adjacency_figure import adjacency_figure
from brainbrr.training.validation import Validation


class ValidationFigures(Callback):
    """Draws into TensorBoard: sensitivity against false alarms, precision against sensitivity, the
    EEG of the worst cases, and the graph of electrodes at the edge of a seizure.

    The worst miss is the seizure in which the network's highest probability was lowest, the worst
    false alarm the detection away from all seizures with the highest confidence.

    Args:
        margin_s: EEG shown before and after the event, in seconds.
        max_s: longest segment shown.
    """

    def __init__(self, margin_s: float = 15.0, max_s: float = 90.0) -> None:
        self.margin_s, self.max_s = margin_s, max_s

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Draw the validation of this epoch, if there was one."""
        boards = [log for log in trainer.loggers if isinstance(log, TensorBoardLogger)]
        for validation in trainer.callbacks:
            validated = isinstance(validation, Validation) and validation.result is not None
            if validated and boards and trainer.is_global_zero:
                for name, figure in self.figures(validation):
                    _add(boards, name, figure, trainer.global_step)
                ties = adjacency_figure(
                    pl_module.network,
                    validation,
                    device=pl_module.device,
                    autocast=trainer.precision_plugin.forward_context,
                )
                _add(boards, "adjacency", ties, trainer.global_step)
                validation.result = None

    def figures(self, validation: Validation) -> Iterator[tuple[str, Html]]:
        """Draw all figures, with their names."""
        if validation.result is not None and "curve" in validation.result.scores:
            curve = validation.result.scores["curve"]
            drawing = curve_figure({"NEDC OVLP": curve["ovlp"], "SzCORE events": curve["szcore"]})
            yield "sensitivity_against_false_alarms", drawing
        yield "precision_against_sensitivity", precision_figure(*precision_curve(validation))
        miss, alarm = worst_miss(validation), worst_false_alarm(validation)
        if miss is not None:
            yield "worst_miss", self.event_figure(validation, *miss, "missed seizure")
        if alarm is not None:
            yield "worst_false_alarm", self.event_figure(validation, *alarm, "false alarm")

    def event_figure(self, validation: Validation, index: int, event: Event, kind: Kind) -> Html:
        """Draw the EEG around an event of a recording, as the report does."""
        row, trace = validation.rows[index], validation.traces[index]
        detection, name = validation.detection, row.recording_id

        def read_eeg(_: str, start_s: float, stop_s: float) -> NDArray[np.float32]:
            rate_hz = validation.windowing.rate_hz
            samples = slice(round(start_s * rate_hz), round(stop_s * rate_hz))
            signal = validation.open_signal(row, validation.cache_folder)[:, samples]
            eeg_uv = dequantize(np.asarray(signal))
            return np.where(row.observed_mask[:, None], eeg_uv, np.nan).astype(np.float32)

        case = with_excerpt(
            Case(name, kind, event.onset_s, event.duration_s, confidence=event.confidence),
            {name: row.annotation},
            {name: detect(trace, detection)} if detection else {},
            trace,
            read_eeg=read_eeg,
            margin_s=self.margin_s,
            max_excerpt_s=self.max_s,
        )
        return eeg_figure(case)


def worst_miss(validation: Validation) -> tuple[int, Event] | None:
    """Find the seizure whose highest probability is lowest: its recording's index and the event."""
    seizures = [
        (_highest(trace, event), index, event)
        for index, (row, trace) in enumerate(zip(validation.rows, validation.traces, strict=True))
        for event in row.annotation.seizures
    ]
    return min(seizures, key=lambda candidate: candidate[0])[1:] if seizures else None


def worst_false_alarm(validation: Validation) -> tuple[int, Event] | None:
    """Find the false alarm with the highest confidence: its recording's index and the event."""
    alarms = [
        (event.confidence or 0.0, index, event)
        for index, (row, trace) in enumerate(zip(validation.rows, validation.traces, strict=True))
        for event in (detect(trace, validation.detection).events if validation.detection else ())
        if not any(
            event.onset_s < truth.offset_s and truth.onset_s < event.offset_s
            for truth in row.annotation.seizures
        )
    ]
    return max(alarms, key=lambda candidate: candidate[0])[1:] if alarms else None


def precision_curve(
    validation: Validation,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Compute the sensitivity and precision of samples from the highest threshold down, and the
    prevalence of seizure."""
    references = [row.annotation for row in validation.rows]
    samples = count_samples(validation.traces, references)
    hits = np.cumsum(samples.positive[::-1])
    alarms = np.cumsum(samples.negative[::-1])
    known = hits + alarms > 0
    precision = hits[known] / (hits + alarms)[known]
    return hits[known] / max(hits[-1], 1), precision, float(hits[-1] / (hits + alarms)[-1])


def _add(boards: Sequence[TensorBoardLogger], name: str, figure: Html | None, step: int) -> None:
    if figure is not None:
        for board in boards:
            board.experiment.add_image(f"val/{name}", raster(figure), step, dataformats="HWC")


def _highest(trace: Trace, event: Event) -> float:
    first, last = round(event.onset_s * trace.rate_hz), round(event.offset_s * trace.rate_hz)
    return float(trace.probability[first : max(last, first + 1)].max(initial=0.0))
