"""`brainbrr train`: prepare what is missing, train, test on unseen subjects, release."""

import csv
import io
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from torch import nn

from brainbrr.atomic_io import atomic_write
from brainbrr.cli.baselines import score_baselines
from brainbrr.cli.build import build, build_each, plain, require_known_targets
from brainbrr.cli.evaluate import about, evaluate_rows
from brainbrr.cli.renamed import REMOVED_OPTIONS, current
from brainbrr.cli.terminal import results_console
from brainbrr.cli.trial_build import TrialBuild
from brainbrr.data.corpora.prepare_corpus import PreparedCorpus
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.dataset import reviewed_spans
from brainbrr.data.windows.index import Windowing
from brainbrr.inference.annotator import OF_TRAINER
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import describe_model
from brainbrr.release.artifact import load_release, save_release
from brainbrr.release.card import add_card
from brainbrr.reporting.table import answer_table
from brainbrr.sweeps.outcome import (
    CONFIGURATION,
    State,
    can_resume,
    read_configuration,
    read_outcome,
    read_overrides,
    recorded_outcome,
)
from brainbrr.training.callbacks.ema import released_weights
from brainbrr.training.event_score import EventScore
from brainbrr.training.fit import FitResult, train
from brainbrr.training.hardware import apply_settings
from brainbrr.training.parameters import load_pretrained
from brainbrr.training.processes import spawn_ddp
from brainbrr.training.resume import data_digest
from brainbrr.training.run_record import run_record, write_run_record

log = logging.getLogger(__name__)

PARTS = ("loss", "optimizer", "scheduler", "trainer", "dataloader", "callbacks")
"""Groups whose objects are arguments of `brainbrr.training.fit.train` under the same names."""
LAB_BOOK = Path("experiments")


def run(cfg: DictConfig) -> float | None:
    """Train, test and release; the run can be resumed from its folder alone.

    Returns:
        the best value of the monitored validation metric, which a search maximizes.
    """
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    resuming = cfg.resume is not None
    # A sweep that is launched again in its folder resumes its runs.
    if not resuming and HydraConfig.get().mode == RunMode.MULTIRUN:
        resuming = can_resume(cfg, run_dir, current=current, ignored=REMOVED_OPTIONS)
        before = read_outcome(run_dir)
        if before.state == State.FINISHED:
            log.info("%s is finished; nothing to do", run_dir)
            return before.objective
    if not resuming:
        warn_of_model(HydraConfig.get().runtime.choices, cfg.hardware.meant_for)
    cfg = _configuration(cfg, run_dir, resuming=resuming)
    with recorded_outcome(run_dir) as outcome:
        # Invalid options are reported now, not after hours of preparing the corpus.
        if not resuming:
            TrialBuild().check(cfg)
        parts = built_parts(cfg)
        prepared = prepared_corpus(cfg)
        write_run_record(run_record(plain(cfg), data_digest(prepared.rows)), run_dir)
        start = "resumed" if resuming else "new"
        others = [sys.executable, "-m", "brainbrr.cli.ddp_worker", str(run_dir), start]
        with spawn_ddp(parts["trainer"], others) as trainer:
            parts["trainer"] = trainer
            network, result = fit(cfg, parts, prepared, run_dir, resuming=resuming)
        outcome["objective"] = result.best_metric
        detector = _released(network, cfg, result)
        save_release(detector, run_dir / "detector")
        _test(detector, cfg, prepared, run_dir)
    return read_outcome(run_dir).objective


def warn_of_model(choices: Mapping[str, str], meant_for: Sequence[str] | None) -> None:
    """Log a warning if the chosen model is not among those the hardware profile is meant for."""
    if meant_for is not None and choices["model"] not in meant_for:
        log.warning(
            "hardware=%s is meant for model=%s; model=%s will be slow on it",
            choices["hardware"],
            ", ".join(meant_for),
            choices["model"],
        )


def built_parts(cfg: DictConfig) -> dict[str, Any]:
    """Build the arguments of `brainbrr.training.fit.train` that need nothing but configuration."""
    return {name: build(cfg[name]) for name in PARTS} | {"loggers": build_each(cfg.logger)}


def prepared_corpus(cfg: DictConfig) -> PreparedCorpus:
    """Return the corpus of a run, preparing what the cache lacks."""
    prepared: PreparedCorpus = build(cfg.prepare)(build(cfg.data), build(cfg.signal.preparation))
    return prepared


def fit(
    cfg: DictConfig,
    parts: dict[str, Any],
    prepared: PreparedCorpus,
    run_dir: Path,
    *,
    resuming: bool,
) -> tuple[nn.Module, FitResult]:
    """Train in this process and return the network and the result."""
    apply_settings(
        mps_memory_fraction=cfg.hardware.mps_memory_fraction,
        n_threads=cfg.hardware.n_threads,
    )
    torch.manual_seed(cfg.seed)
    windowing: Windowing = build(cfg.signal.windowing)
    network: nn.Module = build(cfg.model)
    if cfg.init_from and not resuming:
        load_pretrained(network, load_release(cfg.init_from).network.state_dict())
    result = train(
        network=network,
        rows=prepared.rows,
        cache_folder=prepared.folder,
        run_dir=run_dir,
        windowing=windowing,
        **parts,
        score=EventScore(prepared.of_split("val"), build(cfg.detect)),
        augmentation=build(cfg.augmentation) if cfg.augmentation else None,
        weights=reviewed_spans(
            prepared.rows,
            prepared.corrected_s,
            weight=cfg.corrections_weight,
            rate_hz=windowing.rate_hz,
        ),
        configuration=plain(cfg),
        seed=cfg.seed,
        resume=resuming,
    )
    return network, result


def _test(detector: Detector, cfg: DictConfig, prepared: PreparedCorpus, run_dir: Path) -> None:
    """Score the release on subjects of neither the training nor the validation split."""
    score, tune = build(cfg.scoring), build(cfg.detect)
    test = prepared.of_split("test")
    baselines = score_baselines(
        cfg.baselines,
        prepared.of_split("val"),
        test,
        prepared.folder,
        tune=tune,
        score=score,
        trace_rate_hz=detector.windowing.trace_rate_hz,
    )
    provenance = about(cfg.data.name, "test", _command(run_dir), plain(cfg))
    scores = evaluate_rows(
        detector,
        test,
        prepared.folder,
        run_dir,
        score=score,
        baselines=baselines,
        about=provenance,
        n_cases=cfg.report_cases,
        batch_size=cfg.dataloader.eval_batch_size,
        evidence=cfg.get("evidence", True),  # absent in runs stored by earlier versions
    )
    add_card(run_dir / "detector", scores)
    add_result(cfg.experiment_name, result_row(scores, baselines, provenance))
    console = results_console()
    console.print(answer_table(scores, baselines))
    console.print(
        f"run: {run_dir}  (detector/, report.html, scores.json, hypothesis/, tensorboard/)"
    )


def _configuration(cfg: DictConfig, run_dir: Path, *, resuming: bool) -> DictConfig:
    """Return the run's configuration: stored when it starts, read back when it resumes."""
    if resuming:
        stored = read_configuration(run_dir)
        require_known_targets(stored)
        cfg = OmegaConf.create(stored)
    cfg.run_dir, cfg.resume = str(run_dir), None
    with atomic_write(run_dir / CONFIGURATION) as file:
        file.write(OmegaConf.to_yaml(cfg, resolve=True))
    return cfg


def _command(run_dir: Path) -> str:
    """Return the command that started the run, which resuming does not change."""
    typed = [text for text in read_overrides(run_dir) if not text.startswith("run_dir=")]
    return shlex.join(["brainbrr", "train", *typed])


def _released(
    network: nn.Module,
    cfg: DictConfig,
    result: FitResult,
) -> Detector:
    """Return the detector with the weights and the tuned thresholds of the best epoch."""
    preparation: Preparation = build(cfg.signal.preparation)
    network.load_state_dict(released_weights(result.best_checkpoint))
    initial = f", initialized from {cfg.init_from}" if cfg.init_from else ""
    provenance = {
        "tuned_on": f"{cfg.data.name}, split val",
        "best_metric": {cfg.monitor: result.best_metric},
        "trained_on": f"{cfg.data.name}, split train{initial}",
        "preparation_digest": preparation.digest,
        "seed": cfg.seed,
        "alarm_budget": result.alarm_budget,
    }
    detector = Detector(
        network.eval(),
        describe_model(current(plain(cfg.model))),
        preparation,
        build(cfg.signal.windowing),
        result.detection or build(cfg.detect.base),
        provenance,
        result.calibration,
    )
    # The precision of validation, which tuned the thresholds.
    return detector.with_precision(OF_TRAINER[cfg.trainer.precision])


def add_result(name: str | None, row: Mapping[str, object], lab_book: Path = LAB_BOOK) -> None:
    """Append a row to `experiments/NAME/results.csv`, if that folder exists.

    Columns that earlier rows lack are added; those that this row lacks stay empty.
    """
    folder = lab_book / name if name else None
    if folder is None or not folder.is_dir():
        return
    table = folder / "results.csv"
    rows: list[Mapping[str, object]] = []
    if table.exists():
        rows.extend(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    rows.append(row)
    columns = list(dict.fromkeys(column for each in rows for column in each))
    with atomic_write(table) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def result_row(
    scores: Mapping[str, Any], baselines: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, object]:
    """Return one row of a results table: what was run, and the event score with its interval."""
    event = scores["szcore"]["event"]["subject_mean"]
    interval = scores.get("intervals_95", {}).get("szcore", {}).get("event", {})
    low, high = interval.get("subject_mean", {}).get("f1") or (None, None)
    return {
        **{key: about[key] for key in ("version", "commit", "config_digest", "seed", "corpus")},
        "event_f1": event["f1"],
        "event_f1_low": low,
        "event_f1_high": high,
        "event_sensitivity": event["sensitivity"],
        "fp_per_day": event["fp_per_day"],
        **{
            f"{name}_event_f1": other["szcore"]["event"]["subject_mean"]["f1"]
            for name, other in baselines.items()
        },
    }
