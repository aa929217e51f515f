"""`brainbrr predict`: EDF in, seizure events out."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig

from brainbrr.cli.device import choose_device, use_threads
from brainbrr.cli.terminal import eeg_progress, results_console
from brainbrr.errors import Failed
from brainbrr.export.load import load_detector
from brainbrr.inference.annotate import Annotating, Outcome, Settings
from brainbrr.inference.annotator import Annotator
from brainbrr.inference.compiled import choose_backend
from brainbrr.inference.ledger import Ledger
from brainbrr.inference.recordings import bids_root, find_jobs
from brainbrr.inference.results import check_formats, write_bids_description

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Annotate every recording in `input`."""
    settings = Settings(
        check_formats(cfg.format), cfg.traces, cfg.evidence, cfg.batch_size, cfg.workers
    )
    use_threads(cfg.threads)
    detector = load_detector(cfg.detector, device=choose_device(cfg.device))
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
