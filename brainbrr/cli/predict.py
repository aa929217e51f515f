"""`brainbrr predict`: EDF in, seizure events out."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig
from rich.table import Table

from brainbrr.cli.device import use_profile
from brainbrr.cli.terminal import eeg_progress, results_console
from brainbrr.errors import BrainbrrError, Failed
from brainbrr.events.annotation import Annotation
from brainbrr.events.formats import READERS, read_annotation
from brainbrr.export.load import load_detector
from brainbrr.inference.annotate import Annotating, Outcome, Settings
from brainbrr.inference.annotator import Annotator
from brainbrr.inference.compiled import choose_backend
from brainbrr.inference.ledger import Ledger
from brainbrr.inference.recordings import Job, bids_root, find_jobs
from brainbrr.inference.results import check_formats, write_bids_description

log = logging.getLogger(__name__)

LISTED_RECORDINGS, LISTED_ROWS = 5, 30
"""With more recordings or rows than these, the terminal shows a summary only."""


def run(cfg: DictConfig) -> None:
    """Annotate every recording in `input`."""
    settings = Settings(
        check_formats(cfg.format), cfg.traces, cfg.evidence, cfg.batch_size, cfg.workers
    )
    detector = load_detector(cfg.detector, device=use_profile(cfg, cfg.threads))
    detector = detector.with_stride(cfg.stride_s).with_tiling(cfg.tiling)
    detector = detector.with_precision(cfg.precision)
    backend = choose_backend(detector, compiled=cfg.compile, batch_size=cfg.batch_size)
    sources = list(cfg.input) if isinstance(cfg.input, ListConfig) else cfg.input
    output = Path(cfg.output)
    jobs = find_jobs(sources, output)
    ledger = Ledger(output, _settings(detector, cfg), overwrite=cfg.overwrite)
    dataset = bids_root(sources)
    if dataset is not None:
        write_bids_description(output, dataset)
    with eeg_progress(len(jobs)) as (advance, skip):
        outcomes = []
        for outcome in Annotating(detector, output, ledger, settings, backend, advance).run(jobs):
            outcomes.append(outcome)
            skip(outcome.state != "done")
    table = events_table(outcomes, settings)
    if table is not None:
        results_console().print(table)
    _report(outcomes, output)


def _settings(detector: Annotator, cfg: DictConfig) -> dict[str, Any]:
    """Return what the results in an output folder depend on."""
    return {
        "detector": detector.identity,
        "stride_s": detector.windowing.stride_s,
        "tiling": detector.tiling,
        "precision": detector.precision,
        "evidence": cfg.evidence,
    }


def events_table(outcomes: list[Outcome], settings: Settings) -> Table | None:
    """Tabulate the detected seizures next to the annotated ones, if they are few.

    Annotated seizures are those of a `NAME_events.tsv` next to the recording. JSON results are
    not read back.
    """
    if len(outcomes) > LISTED_RECORDINGS:
        return None
    table = Table("recording", "seizure", box=None)
    for column in ("onset", "offset", "confidence"):
        table.add_column(column, justify="right")
    table.add_column("electrodes")
    for outcome in outcomes:
        files = [file for file in settings.files(outcome.job) if file.suffix in READERS]
        if outcome.error is not None or not files:
            continue
        detected = read_annotation(files[0])
        annotated = _annotated(outcome.job, detected.duration_s)
        for kind, annotation in (("annotated", annotated), ("detected", detected)):
            for event in annotation.seizures if annotation else ():
                table.add_row(
                    outcome.job.source.name,
                    kind,
                    f"{event.onset_s:.1f} s",
                    f"{event.offset_s:.1f} s",
                    "" if event.confidence is None else f"{event.confidence:.2f}",
                    ", ".join(event.channels),
                )
    return table if 0 < table.row_count <= LISTED_ROWS else None


def _annotated(job: Job, duration_s: float) -> Annotation | None:
    """Read the annotation next to a recording, if there is one; log why it cannot be read."""
    path = job.source.with_name(f"{job.target.name}.tsv")
    if job.target.parent.resolve() == path.parent.resolve() or not path.is_file():
        return None
    try:
        return read_annotation(path, duration_s)
    except BrainbrrError as error:
        log.warning("%s: %s", path.name, error)
        return None


def _report(outcomes: list[Outcome], output: Path) -> None:
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    kept = sum(outcome.state == "kept" for outcome in outcomes)
    n_events = sum(outcome.n_events for outcome in outcomes)
    summary = f"{len(outcomes) - len(failed)} of {len(outcomes)} recordings annotated in {output}"
    summary += f", {kept} of them before" if kept else ""
    results_console().print(f"{summary}; {n_events} new events")
    if failed:
        names = "; ".join(
            f"{outcome.job.source.name} ({type(outcome.error).__name__})" for outcome in failed[:5]
        )
        raise Failed(
            f"{len(failed)} of {len(outcomes)} recordings could not be annotated: {names}",
            "The others are written; the same command tries these again.",
        )
