"""Score a detector on prepared recordings, leaving a folder that any other scorer can check."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from brainbrr.data.cache import open_signal
from brainbrr.data.manifest import ManifestRow
from brainbrr.durable import open_durable
from brainbrr.events.annotation import Annotation
from brainbrr.events.trace import Trace
from brainbrr.events.tsv import write_tsv
from brainbrr.inference.annotate import save_trace
from brainbrr.inference.detector import Detector


@dataclass(frozen=True)
class Predictions:
    """What a detector said of recordings whose truth is known; all by recording id.

    Attributes:
        references: the annotators' events.
        hypotheses: the detector's events.
        traces: its probability over time.
        subjects: whose recording it is.
    """

    references: Mapping[str, Annotation]
    hypotheses: Mapping[str, Annotation]
    traces: Mapping[str, Trace]
    subjects: Mapping[str, str]


def predict_rows(
    detector: Detector, rows: Sequence[ManifestRow], cache_folder: Path, *, what: str = "predicting"
) -> Predictions:
    """Run a detector over prepared recordings, with a progress bar."""
    traces = {
        row.recording_id: trace_row(detector, row, cache_folder)
        for row in track(rows, what, console=Console(stderr=True))
    }
    return Predictions(
        references={row.recording_id: row.annotation for row in rows},
        hypotheses={name: detector.events(trace) for name, trace in traces.items()},
        traces=traces,
        subjects={row.recording_id: row.subject for row in rows},
    )


def trace_row(detector: Detector, row: ManifestRow, cache_folder: Path) -> Trace:
    """A detector's probability over one prepared recording."""
    return detector.trace_prepared(
        open_signal(row, cache_folder),
        observed=row.observed_mask,
        center_uv=np.asarray(row.center_uv, dtype=np.float32),
        scale_uv=np.asarray(row.scale_uv, dtype=np.float32),
        gaps=row.gap_intervals,
        bad_spans=row.bad_spans,
    )


def write_predictions(predictions: Predictions, rows: Sequence[ManifestRow], output: Path) -> None:
    """`reference/` and `hypothesis/` TSVs that mirror the corpus's tree, and `traces/`."""
    for row in rows:
        name = row.recording_id
        place = Path(row.source).parent / (
            Path(row.source).stem.removesuffix("_eeg") + "_events.tsv"
        )
        write_tsv(predictions.references[name], output / "reference" / place)
        write_tsv(predictions.hypotheses[name], output / "hypothesis" / place)
        save_trace(predictions.traces[name], output / "traces" / f"{name}_trace.npy")


def write_scores(scores: dict[str, Any], path: Path) -> None:
    """Scores as strict JSON: undefined is null."""
    with open_durable(path) as file:
        json.dump(scores, file, indent=1, allow_nan=False)
        file.write("\n")
