"""Non-learned baselines, tuned and scored exactly as the trained detector."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from brainbrr.data.corpora.cache import open_signal
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.errors import InvalidOption
from brainbrr.events.detection import detect
from brainbrr.events.trace import Trace
from brainbrr.scoring.summary import Scores
from brainbrr.signal.baselines import band_power_probability, line_length_probability
from brainbrr.signal.quantization import dequantize

BASELINES: dict[str, Callable[[NDArray[np.float32], float], NDArray[np.float32]]] = {
    "line_length": line_length_probability,
    "band_power": band_power_probability,
}
N_THRESHOLDS = 40


def check_baselines(names: Sequence[str]) -> list[str]:
    """Return the names as a list; one name stands for a list of one.

    Raises:
        InvalidOption: a name that is not in `BASELINES`.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in BASELINES:
            raise InvalidOption(f"one of {', '.join(BASELINES)}", name, "Correct baselines=.")
    return names


def score_baselines(
    names: Sequence[str],
    tuning_rows: Sequence[ManifestRow],
    scored_rows: Sequence[ManifestRow],
    cache_folder: Path,
    *,
    tune: Callable[..., Any],
    score: Callable[..., Scores],
    trace_rate_hz: float,
) -> dict[str, Scores]:
    """Tune each baseline on the validation recordings and return its scores.

    Args:
        tuning_rows: validation recordings.
        scored_rows: recordings of subjects of neither the training nor the validation split.
        tune: `brainbrr.scoring.tuning.tune` with its settings; its thresholds are replaced by
            quantiles of the baseline's own values.
        score: `brainbrr.scoring.corpus.score_corpus` with its settings.
        trace_rate_hz: values per second of the traces.

    Raises:
        InvalidOption: a name that is not in `BASELINES`.
    """
    scores = {}
    for name in check_baselines(names):
        tuning = _traces(name, tuning_rows, cache_folder, trace_rate_hz)
        values = np.concatenate([trace.probability for trace in tuning.values()])
        thresholds = np.unique(np.quantile(values, np.linspace(0.5, 0.999, N_THRESHOLDS)))
        tuned = tune(
            tuning,
            _references(tuning_rows),
            split="val",
            subjects=_subjects(tuning_rows),
            on_thresholds=thresholds.tolist(),
        )
        traces = _traces(name, scored_rows, cache_folder, trace_rate_hz)
        events = {key: detect(trace, tuned.detection) for key, trace in traces.items()}
        scores[name] = score(
            _references(scored_rows),
            events,
            traces,
            subjects=_subjects(scored_rows),
            detection=tuned.detection,
        )
    return scores


def _traces(
    name: str, rows: Sequence[ManifestRow], cache_folder: Path, trace_rate_hz: float
) -> Mapping[str, Trace]:
    traces = {}
    for row in track(rows, f"baseline {name}", console=Console(stderr=True)):
        signal = open_signal(row, cache_folder)
        rate_hz = signal.shape[1] / row.duration_s
        values = BASELINES[name](dequantize(signal[row.observed_mask]), rate_hz)
        trace = Trace(values.clip(0.0, 1.0), rate_hz, row.gap_intervals)
        traces[row.recording_id] = trace.reduced(trace_rate_hz)
    return traces


def _references(rows: Sequence[ManifestRow]) -> dict[str, Any]:
    return {row.recording_id: row.annotation for row in rows}


def _subjects(rows: Sequence[ManifestRow]) -> dict[str, str]:
    return {row.recording_id: row.subject for row in rows}
