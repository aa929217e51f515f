"""`brainbrr evaluate`: predict, score and report on a labelled corpus."""

from pathlib import Path

from omegaconf import DictConfig

from brainbrr.cli.build import build, plain
from brainbrr.cli.device import choose_device
from brainbrr.cli.evaluation import about, evaluate_rows
from brainbrr.cli.terminal import results_console
from brainbrr.export.load import load_detector
from brainbrr.reporting.table import answer_table


def run(cfg: DictConfig) -> None:
    """Score a released detector on one split of a corpus, prepared as the detector was trained."""
    detector = load_detector(cfg.detector, device=choose_device(cfg.device))
    detector = detector.with_tiling(cfg.tiling).with_precision(cfg.precision)
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
    )
    console = results_console()
    console.print(answer_table(scores))
    console.print(f"{cfg.output}: report.html, scores.json, reference/, hypothesis/, traces/")
