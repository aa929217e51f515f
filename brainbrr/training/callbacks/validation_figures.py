"""What a number hides: after each validation, the worst miss, the worst false alarm, the curve."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from lightning import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.events.detection import detect
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.scoring.calibration import count_samples
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quantization import dequantize
from brainbrr.training.callbacks.adjacency_figure import adjacency_figure
from brainbrr.training.validation import Validation

SPACING = 8.0
"""Between two electrodes of a figure, in spreads of their EEG."""


class ValidationFigures(Callback):
    """Draws into TensorBoard: sensitivity against false alarms, precision against sensitivity, the
    EEG of the worst cases, and the graph of electrodes at the edge of a seizure.

    The worst miss is the seizure in which the network's highest probability was lowest, the worst
    false alarm the detection away from all seizures with the highest confidence.

    Args:
        margin_s: EEG shown before and after the event, in seconds.
        max_s: longest stretch shown.
    """

    def __init__(self, margin_s: float = 15.0, max_s: float = 90.0) -> None:
        self.margin_s, self.max_s = margin_s, max_s

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Draw what the validation of this epoch found, where there was one."""
        boards = [each for each in trainer.loggers if isinstance(each, TensorBoardLogger)]
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

    def figures(self, validation: Validation) -> Iterator[tuple[str, Figure]]:
        """Name and figure of all there is to show."""
        if validation.result is not None and "curve" in validation.result.scores:
            yield (
                "sensitivity_against_false_alarms",
                curve_figure(validation.result.scores["curve"]),
            )
        yield "precision_against_sensitivity", precision_figure(validation)
        for name, found in (
            ("worst_miss", worst_miss(validation)),
            ("worst_false_alarm", worst_false_alarm(validation)),
        ):
            if found is not None:
                yield name, self.event_figure(validation, *found)

    def event_figure(self, validation: Validation, place: int, event: Event) -> Figure:
        """EEG around an event, with the annotated seizures shaded and the probability below."""
        row, trace = validation.rows[place], validation.traces[place]
        rate_hz = validation.windowing.rate_hz
        start_s = max(0.0, event.onset_s - self.margin_s)
        stop_s = min(row.duration_s, event.offset_s + self.margin_s, start_s + self.max_s)
        samples = slice(round(start_s * rate_hz), round(stop_s * rate_hz))
        signal = validation.open_signal(row, validation.cache_folder)[:, samples]
        scale = np.array(row.scale_uv)[:, None]
        eeg = (dequantize(np.asarray(signal)) - np.array(row.center_uv)[:, None]) / scale
        figure = Figure(figsize=(12, 8), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
        time_s = start_s + np.arange(eeg.shape[1]) / rate_hz
        levels = -SPACING * np.arange(len(ELECTRODES))
        shown = np.where(row.observed_mask[:, None], eeg, np.nan)
        above.plot(time_s, (shown + levels[:, None]).T, color="0.2", linewidth=0.4)
        above.set_yticks(levels, ELECTRODES)
        above.set_title(f"{row.recording_id}, {event.onset_s:.0f} to {event.offset_s:.0f} s")
        _draw_probability(below, trace, start_s, stop_s)
        for axes in (above, below):
            _shade_seizures(axes, row, start_s, stop_s)
        return figure


def worst_miss(validation: Validation) -> tuple[int, Event] | None:
    """Recording and seizure that the network noticed least."""
    seizures = [
        (_highest(trace, event), place, event)
        for place, (row, trace) in enumerate(zip(validation.rows, validation.traces, strict=True))
        for event in row.annotation.seizures
    ]
    return min(seizures, key=lambda found: found[0])[1:] if seizures else None


def worst_false_alarm(validation: Validation) -> tuple[int, Event] | None:
    """Recording and detection that is surest and wrong."""
    alarms = [
        (event.confidence or 0.0, place, event)
        for place, (row, trace) in enumerate(zip(validation.rows, validation.traces, strict=True))
        for event in (detect(trace, validation.detection).events if validation.detection else ())
        if not any(
            event.onset_s < truth.offset_s and truth.onset_s < event.offset_s
            for truth in row.annotation.seizures
        )
    ]
    return max(alarms, key=lambda found: found[0])[1:] if alarms else None


def curve_figure(curve: dict[str, Any]) -> Figure:
    """Sensitivity against false alarms in 24 h, by the rules of SzCORE and of NEDC's overlap."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    for rules in ("szcore", "ovlp"):
        points = [point for point in curve[rules] if point["sensitivity"] is not None]
        alarms, found = (
            [point[name] for point in points] for name in ("fa_per_24h", "sensitivity")
        )
        axes.step(alarms, found, where="post", label=rules)
    axes.set(xlabel="false alarms in 24 h", ylabel="sensitivity", xlim=(0, 50), ylim=(0, 1))
    axes.legend()
    return figure


def precision_figure(validation: Validation) -> Figure:
    """Share of the samples above a threshold that are seizure, against the share of seizure found
    above it."""
    references = [row.annotation for row in validation.rows]
    samples = count_samples(validation.traces, references)
    hits = np.cumsum(samples.positive[::-1])
    alarms = np.cumsum(samples.negative[::-1])
    told = hits + alarms > 0
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(hits[told] / max(hits[-1], 1), hits[told] / (hits + alarms)[told])
    axes.axhline(hits[-1] / (hits + alarms)[-1], color="0.6", linestyle=":", label="chance")
    axes.set(xlabel="sensitivity, samples", ylabel="precision, samples", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    return figure


def _add(boards: Sequence[TensorBoardLogger], name: str, figure: Figure | None, step: int) -> None:
    for board in boards if figure is not None else ():
        board.experiment.add_figure(f"val/{name}", figure, step)


def _highest(trace: Trace, event: Event) -> float:
    first, last = round(event.onset_s * trace.rate_hz), round(event.offset_s * trace.rate_hz)
    return float(trace.probability[first : max(last, first + 1)].max(initial=0.0))


def _draw_probability(axes: Any, trace: Trace, start_s: float, stop_s: float) -> None:
    first, last = round(start_s * trace.rate_hz), round(stop_s * trace.rate_hz)
    probability = trace.probability[first:last]
    axes.plot(start_s + np.arange(len(probability)) / trace.rate_hz, probability)
    axes.set(ylim=(0, 1), ylabel="probability", xlabel="time (s)", xlim=(start_s, stop_s))


def _shade_seizures(axes: Any, row: ManifestRow, start_s: float, stop_s: float) -> None:
    for event in row.annotation.seizures:
        if event.onset_s < stop_s and event.offset_s > start_s:
            axes.axvspan(
                max(event.onset_s, start_s),
                min(event.offset_s, stop_s),
                color="tab:red",
                alpha=0.15,
            )
