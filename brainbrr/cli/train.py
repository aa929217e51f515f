"""`brainbrr train`: prepare what is missing, train, test on unseen subjects, release."""

import logging
import shlex
import sys
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from torch import nn

from brainbrr.atomic_io import atomic_write
from brainbrr.cli.baselines import score_baselines
from brainbrr.cli.build import build, build_each, plain
from brainbrr.cli.evaluation import about, evaluate_rows
from brainbrr.cli.lab_book import add_result, result_row
from brainbrr.cli.renamed import TARGETS
from brainbrr.cli.terminal import results_console
from brainbrr.data.corpora.prepare_corpus import PreparedCorpus
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.dataset import reviewed_spans
from brainbrr.data.windows.index import Windowing
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import describe_model
from brainbrr.release.artifact import load_release, save_release
from brainbrr.release.card import add_card
from brainbrr.reporting.table import answer_table
from brainbrr.sweeps.outcome import (
    CONFIGURATION,
    State,
    can_resume,
    read_outcome,
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
"""Groups whose objects go to `train` under their own names."""


def run(cfg: DictConfig) -> float | None:
    """Train, test and release; the run folder alone is enough to go on from.

    Returns:
        the best value of the monitored validation metric, for whoever searches for a high one.
    """
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    resuming = cfg.resume is not None
    # A sweep that is launched again in its folder resumes its runs.
    if not resuming and HydraConfig.get().mode == RunMode.MULTIRUN:
        resuming = can_resume(cfg, run_dir, TARGETS)
        before = read_outcome(run_dir)
        if before.state == State.FINISHED:
            log.info("%s is finished; nothing to do", run_dir)
            return before.objective
    cfg = _configuration(cfg, run_dir, resuming=resuming)
    with recorded_outcome(run_dir) as outcome:
        # Before the corpus is prepared, so that hours do not pass before a mistake in them is told.
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


def built_parts(cfg: DictConfig) -> dict[str, Any]:
    """What `brainbrr.training.fit.train` takes from the configuration as it is."""
    return {name: build(cfg[name]) for name in PARTS} | {"loggers": build_each(cfg.logger)}


def prepared_corpus(cfg: DictConfig) -> PreparedCorpus:
    """The corpus of a run in its cache, prepared where it is not."""
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
    """Train as a configuration says, in this process; the network and what the run left."""
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
    """Score the release on subjects that neither trained nor tuned it."""
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
    told = about(cfg.data.name, "test", _command(run_dir), plain(cfg))
    scores = evaluate_rows(
        detector,
        test,
        prepared.folder,
        run_dir,
        score=score,
        baselines=baselines,
        about=told,
        n_cases=cfg.report_cases,
    )
    add_card(run_dir / "detector", scores)
    add_result(cfg.experiment_name, result_row(scores, baselines, told))
    console = results_console()
    console.print(answer_table(scores, baselines))
    console.print(
        f"run: {run_dir}  (detector/, report.html, scores.json, hypothesis/, tensorboard/)"
    )


def _configuration(cfg: DictConfig, run_dir: Path, *, resuming: bool) -> DictConfig:
    """The run's own configuration: stored when it starts, read back when it goes on."""
    if resuming:
        stored = OmegaConf.load(run_dir / CONFIGURATION)
        assert isinstance(stored, DictConfig)
        cfg = stored
    cfg.run_dir, cfg.resume = str(run_dir), None
    with atomic_write(run_dir / CONFIGURATION) as file:
        file.write(OmegaConf.to_yaml(cfg, resolve=True))
    return cfg


def _command(run_dir: Path) -> str:
    """What was typed to start the run, however often it was resumed since."""
    overrides = OmegaConf.load(run_dir / ".hydra" / "overrides.yaml")
    typed = [str(text) for text in overrides if not str(text).startswith("run_dir=")]
    return shlex.join(["brainbrr", "train", *typed])


def _released(
    network: nn.Module,
    cfg: DictConfig,
    result: FitResult,
) -> Detector:
    """The network with the weights of its best epoch, and the thresholds tuned there."""
    preparation: Preparation = build(cfg.signal.preparation)
    network.load_state_dict(released_weights(result.best_checkpoint))
    provenance = {
        "tuned_on": f"{cfg.data.name}, split val",
        "best_metric": {cfg.monitor: result.best_metric},
        "trained_on": f"{cfg.data.name}, split train",
        "preparation_digest": preparation.digest,
        "seed": cfg.seed,
        "alarm_budget": result.alarm_budget,
    }
    return Detector(
        network.eval(),
        describe_model(plain(cfg.model)),
        preparation,
        build(cfg.signal.windowing),
        result.detection or build(cfg.detect.base),
        provenance,
        result.calibration,
    )
