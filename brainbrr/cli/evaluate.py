"""`brainbrr evaluate`: predict, score and report on a labelled corpus, leaving a folder that any
other scorer can check."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track

from brainbrr.cli.build import build, plain
from brainbrr.cli.device import use_profile
from brainbrr.cli.terminal import results_console
from brainbrr.data.corpora.cache import open_signal, read_excerpt
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.index import require_labels
from brainbrr.events.annotation import Annotation
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import SUFFIX, save_trace
from brainbrr.events.tsv import write_tsv
from brainbrr.export.load import load_detector
from brainbrr.inference.annotator import BATCH_SIZE, OF_TRAINER, Annotator
from brainbrr.inference.detector import Detector
from brainbrr.inference.evidence import with_channels
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.rollout import RecordingWindows, run_batched
from brainbrr.reporting.cases import select_cases
from brainbrr.reporting.report import write_report
from brainbrr.reporting.scoreboard import published_scores
from brainbrr.reporting.table import answer_table
from brainbrr.scoring.summary import Scores, write_scores
from brainbrr.training.run_record import code_version

Scorer = Callable[..., Scores]


def run(cfg: DictConfig) -> None:
    """Score a released detector on one split of a corpus, prepared as the detector was trained."""
    detector = load_detector(cfg.detector, device=use_profile(cfg)).with_tiling(cfg.tiling)
    # A profile is for its own device, and for networks: an exported form runs on the CPU.
    by_profile = cfg.device == "auto" and isinstance(detector, Detector)
    precision = OF_TRAINER[cfg.trainer.precision] if by_profile else detector.precision
    detector = detector.with_precision(cfg.precision or precision)
    if by_profile and not cfg.precision:
        torch.set_float32_matmul_precision(cfg.trainer.matmul_precision)
    batch_size = cfg.dataloader.eval_batch_size if by_profile else BATCH_SIZE
    if cfg.seed is None:
        cfg.seed = _seed_of_training(detector)
    prepared = build(cfg.prepare)(build(cfg.data), detector.preparation, splits=[cfg.split])
    command = f"brainbrr evaluate detector={cfg.detector} data={cfg.data.name} split={cfg.split}"
    command += f" tiling={detector.tiling} precision={detector.precision}"
    scores = evaluate_rows(
        detector,
        prepared.of_split(cfg.split),
        prepared.folder,
        Path(cfg.output),
        score=build(cfg.scoring),
        baselines={},
        about=about(cfg.data.name, cfg.split, command, plain(cfg)),
        n_cases=cfg.report_cases,
        batch_size=cfg.batch_size or batch_size,
        evidence=cfg.evidence,
    )
    console = results_console()
    console.print(answer_table(scores))
    console.print(f"{cfg.output}: report.html, scores.json, reference/, hypothesis/, traces/")


def _seed_of_training(detector: Annotator) -> int:
    """Return the seed that divided the corpus when the detector was trained on it: another one
    would test it on subjects it has seen."""
    seed = detector.provenance.get("seed")
    return seed if type(seed) is int and seed >= 0 else 1


@dataclass(frozen=True)
class Predictions:
    """A detector's predictions for labelled recordings, by recording id.

    Attributes:
        references: the annotators' events.
        hypotheses: the detector's events.
        traces: its probability over time.
        subjects: the subject of each recording.
    """

    references: Mapping[str, Annotation]
    hypotheses: Mapping[str, Annotation]
    traces: Mapping[str, Trace]
    subjects: Mapping[str, str]


def predict_rows(
    detector: Annotator,
    rows: Sequence[ManifestRow],
    cache_folder: Path,
    *,
    what: str = "predicting",
    batch_size: int = BATCH_SIZE,
    evidence: bool = True,
) -> Predictions:
    """Apply a detector to prepared recordings, with a progress bar.

    A batch takes windows from several recordings if one does not fill it.

    Args:
        evidence: name each event's contributing electrodes; costs 21 windows per event.
    """
    windows = (
        RecordingWindows(
            _prepared(detector, row, cache_folder), detector.windowing, detector.tiling
        )
        for row in rows
    )
    done = run_batched(windows, detector.backend, batch_size)
    shown = track(done, what, total=len(rows), console=Console(stderr=True))
    traces, hypotheses = {}, {}
    for row, recording in zip(rows, shown, strict=True):
        trace = recording.trace()
        events = detector.events(trace)
        reasons = (
            detector.evidence(_prepared(detector, row, cache_folder), events) if evidence else ()
        )
        traces[row.recording_id] = trace
        hypotheses[row.recording_id] = with_channels(events, reasons)
    return Predictions(
        references={row.recording_id: row.annotation for row in rows},
        hypotheses=hypotheses,
        traces=traces,
        subjects={row.recording_id: row.subject for row in rows},
    )


def _prepared(detector: Annotator, row: ManifestRow, cache_folder: Path) -> PreparedEeg:
    return PreparedEeg.of_row(row, open_signal(row, cache_folder), detector.windowing.rate_hz)


def write_predictions(predictions: Predictions, rows: Sequence[ManifestRow], output: Path) -> None:
    """Write `reference/` and `hypothesis/` TSVs that mirror the corpus's tree, and `traces/`."""
    for row in rows:
        name = row.recording_id
        path = Path(row.source).parent / (
            Path(row.source).stem.removesuffix("_eeg") + "_events.tsv"
        )
        write_tsv(predictions.references[name], output / "reference" / path)
        write_tsv(predictions.hypotheses[name], output / "hypothesis" / path)
        save_trace(predictions.traces[name], output / "traces" / f"{name}{SUFFIX}")


def evaluate_rows(
    detector: Annotator,
    rows: Sequence[ManifestRow],
    cache_folder: Path,
    output: Path,
    *,
    score: Scorer,
    baselines: Mapping[str, Scores],
    about: Mapping[str, Any],
    n_cases: int,
    batch_size: int = BATCH_SIZE,
    evidence: bool = True,
) -> Scores:
    """Predict and score; write TSVs, traces, `report.html` and, last, `scores.json`.

    Args:
        rows: the recordings, which must be labelled.
        score: `brainbrr.scoring.corpus.score_corpus` with its settings.
        baselines: scores of other detectors on the same recordings, for comparison.
        about: corpus, split, command and other provenance shown in the report.
        n_cases: missed seizures and false alarms shown in the report, each.
        batch_size: windows computed at once.
        evidence: see `predict_rows`.
    """
    require_labels(rows, "scoring")
    predictions = predict_rows(
        detector, rows, cache_folder, batch_size=batch_size, evidence=evidence
    )
    write_predictions(predictions, rows, output)
    scores = score(
        predictions.references,
        predictions.hypotheses,
        predictions.traces,
        subjects=predictions.subjects,
        detection=detector.detection,
        calibration=detector.calibration,
    )
    row_of = {row.recording_id: row for row in rows}
    cases = select_cases(
        predictions.references,
        predictions.hypotheses,
        predictions.traces,
        lambda name, start_s, stop_s: read_excerpt(row_of[name], cache_folder, start_s, stop_s),
        n_cases,
        read_adjacency=lambda name, onset_s, offset_s: detector.graph_during(
            _prepared(detector, row_of[name], cache_folder), onset_s, offset_s
        ),
    )
    write_report(
        output / "report.html",
        title=f"{about['corpus']}, split {about['split']}",
        scores=scores,
        cases=cases,
        provenance=about,
        notes=substitutions(rows),
        published=published_scores(about["corpus"], about["split"]),
        baselines=baselines,
        alarm_budget=detector.provenance.get("alarm_budget"),
    )
    write_scores(dict(baselines), output / "baselines.json")
    write_scores(scores, output / "scores.json")
    return scores


def substitutions(rows: Sequence[ManifestRow]) -> list[str]:
    """List what preparation replaced or omitted in these recordings, one sentence each."""
    notes = []
    interpolated = [row for row in rows if row.interpolated]
    if interpolated:
        names = sorted({name for row in interpolated for name in row.interpolated})
        notes.append(f"{', '.join(names)} interpolated in {len(interpolated)} recordings.")
    masked = [row for row in rows if not all(row.observed)]
    if masked:
        notes.append(f"Electrodes absent and masked in {len(masked)} recordings.")
    bad = sum(len(row.bad_spans) for row in rows)
    if bad:
        notes.append(f"{bad} spans of single electrodes were marked bad.")
    gaps = sum(len(row.gaps) for row in rows)
    if gaps:
        notes.append(f"{gaps} gaps in the recordings; rates count recorded time only.")
    return notes


def about(
    corpus: str, split: str, command: str, configuration: Mapping[str, Any]
) -> dict[str, object]:
    """Return what is needed to reproduce a result."""
    code = code_version()
    text = json.dumps(configuration, sort_keys=True, default=str)
    return {
        "corpus": corpus,
        "split": split,
        "command": command,
        "seed": configuration.get("seed"),
        "version": code["version"],
        "commit": f"{code['commit']}{' (changed)' if code['dirty'] else ''}",
        "config_digest": hashlib.sha256(text.encode()).hexdigest()[:16],
    }
