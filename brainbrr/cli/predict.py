"""`brainbrr predict`: EDF in, seizure events out."""

import logging

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track

from brainbrr.cli.device import choose_device
from brainbrr.cli.terminal import results_console
from brainbrr.inference.annotate import (
    RecordingsFailed,
    annotate_all,
    check_formats,
    find_jobs,
)
from brainbrr.inference.load import load_detector

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Annotate every recording that `input` names."""
    formats = check_formats(cfg.format)
    detector = load_detector(cfg.detector, device=choose_device(cfg.device))
    detector = detector.with_stride(cfg.stride_s)
    jobs = find_jobs(cfg.input, cfg.output)
    done = annotate_all(detector, jobs, formats, save_traces=cfg.traces)
    results = list(track(done, "annotating", total=len(jobs), console=Console(stderr=True)))
    failed = [(job, error) for job, _, error in results if error is not None]
    console = results_console()
    console.print(f"{len(jobs) - len(failed)} of {len(jobs)} recordings annotated in {cfg.output}")
    if failed:
        names = "; ".join(
            f"{job.source.name} ({type(error).__name__})" for job, error in failed[:5]
        )
        raise RecordingsFailed(
            f"{len(jobs)} readable recordings",
            f"{len(failed)} refused: {names}",
            "The rest is written.",
        )
