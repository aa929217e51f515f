"""`brainbrr export`: write a detector in another form."""

import tempfile
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from brainbrr.cli.terminal import results_console
from brainbrr.events.tsv import write_tsv
from brainbrr.export.load import load_detector
from brainbrr.export.onnx_export import check_request, export_onnx
from brainbrr.export.parity import agreement, selftest_recording
from brainbrr.inference.annotator import Annotator
from brainbrr.inference.detector import Detector
from brainbrr.inference.recordings import find_jobs
from brainbrr.release.artifact import load_release
from brainbrr.scoring.folders import score

MEASURES = ("f1", "sensitivity", "precision", "fp_per_day")


def run(cfg: DictConfig) -> None:
    """Write the form, then report how far it is from the detector."""
    path = check_request(cfg.format, cfg.output, cfg.quantize)
    detector = load_release(cfg.detector)
    console = results_console()
    if cfg.format == "szcore":
        from brainbrr.export.szcore_entry import write_entry

        labels = OmegaConf.to_container(cfg.szcore, resolve=True)
        assert isinstance(labels, dict)
        write_entry(detector, path, {str(key): str(value) for key, value in labels.items()})
        console.print(f"{path}: build it with `podman build {path}`; try it with")
        console.print(f"brainbrr doctor szcore={path}")
        return
    exported = export_onnx(detector, path, quantize=cfg.quantize)
    table = Table("", cfg.format, box=None)
    table.add_row("file", str(exported.path))
    table.add_row("size", f"{exported.n_bytes / 1e6:.2f} MB")
    table.add_row("time", f"{exported.seconds:.0f} s")
    table.add_row("largest difference, windows", f"{exported.difference:.1e}")
    form = load_detector(path)
    for row in _compared(form, detector, cfg.input):
        table.add_row(*row)
    if cfg.reference is not None and cfg.input is not None:
        for row in _scored(form, detector, cfg.input, cfg.reference):
            table.add_row(*row)
    console.print(table)


def _compared(form: Annotator, detector: Detector, source: str | None) -> list[tuple[str, str]]:
    """Compare traces and events of the two over recordings, or over the self-test's noise."""
    if source is None:
        result = agreement(form, detector, [selftest_recording(detector)])
    else:
        with tempfile.TemporaryDirectory() as folder:
            jobs = find_jobs(source, folder)
        result = agreement(form, detector, [job.source for job in jobs])
    return [
        ("largest difference, recordings", f"{result.max_difference:.1e}"),
        ("mean difference", f"{result.mean_difference:.1e}"),
        ("events", f"{result.n_events[0]}, the detector's {result.n_events[1]}"),
        ("events with equal start and end", str(result.n_equal)),
        ("events that overlap one of the detector's", str(result.n_overlapping)),
    ]


def _scored(
    form: Annotator, detector: Detector, source: str, reference: str
) -> list[tuple[str, str]]:
    """Compute SzCORE's event scores of the two against the same annotations."""
    scores = []
    for annotator in (form, detector):
        with tempfile.TemporaryDirectory() as folder:
            for job in find_jobs(source, folder):
                events = annotator.annotate(job.source, evidence=False)
                write_tsv(events, job.target.with_name(f"{job.target.name}.tsv"))
            scores.append(score(reference, Path(folder))["szcore"]["event"]["subject_mean"])
    return [
        (
            f"{name}, subject mean",
            f"{_format(scores[0][name])}, the detector's {_format(scores[1][name])}",
        )
        for name in MEASURES
    ]


def _format(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
