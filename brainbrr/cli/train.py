"""`brainbrr train`: prepare what is missing, train, test on unseen subjects, release."""

import logging
import shlex
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from torch import nn

from brainbrr.cli.baselines import score_baselines
from brainbrr.cli.build import build, build_each, plain
from brainbrr.cli.evaluation import about, evaluate_rows
from brainbrr.cli.lab_book import add_result, result_row
from brainbrr.cli.terminal import results_console
from brainbrr.data.judged_spans import judged_spans
from brainbrr.data.preparation import Preparation
from brainbrr.data.prepare_corpus import PreparedCorpus
from brainbrr.data.window_index import Windowing
from brainbrr.durable import open_durable
from brainbrr.inference.artifact import load_detector, save_detector
from brainbrr.inference.card import add_card
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import describe_model
from brainbrr.reporting.table import answer_table
from brainbrr.training.ema import released_weights
from brainbrr.training.event_score import EventScore
from brainbrr.training.fine_tuning import take_weights
from brainbrr.training.fit import FitResult, train
from brainbrr.training.hardware import apply_settings
from brainbrr.training.resume import data_digest
from brainbrr.training.run_record import run_record, write_run_record

log = logging.getLogger(__name__)

CONFIGURATION = "config.yaml"
PARTS = ("loss", "optimizer", "scheduler", "trainer", "dataloader", "callbacks")
"""Groups whose objects go to `train` under their own names."""


def run(cfg: DictConfig) -> None:
    """Train, test and release; the run folder alone is enough to go on from."""
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    resuming = cfg.resume is not None
    cfg = _configuration(cfg, run_dir)
    apply_settings(
        mps_memory_fraction=cfg.hardware.mps_memory_fraction,
        n_threads=cfg.hardware.n_threads,
    )
    # Before the corpus is prepared, so that hours do not pass before a mistake in them is told.
    parts = {name: build(cfg[name]) for name in PARTS}
    loggers = build_each(cfg.logger)
    torch.manual_seed(cfg.seed)
    preparation: Preparation = build(cfg.signal.preparation)
    prepared: PreparedCorpus = build(cfg.prepare)(build(cfg.data), preparation)
    windowing: Windowing = build(cfg.signal.windowing)
    configuration = plain(cfg)
    write_run_record(run_record(configuration, data_digest(prepared.rows)), run_dir)
    network: nn.Module = build(cfg.model)
    if cfg.init_from and not resuming:
        take_weights(network, load_detector(cfg.init_from).network.state_dict())
    result = train(
        network=network,
        rows=prepared.rows,
        cache_folder=prepared.folder,
        run_dir=run_dir,
        windowing=windowing,
        **parts,
        score=EventScore(prepared.of_split("val"), build(cfg.detect)),
        loggers=loggers,
        augmentation=build(cfg.augmentation) if cfg.augmentation else None,
        weights=judged_spans(
            prepared.rows,
            prepared.corrected_s,
            weight=cfg.corrections_weight,
            rate_hz=windowing.rate_hz,
        ),
        configuration=configuration,
        seed=cfg.seed,
        resume=resuming,
    )
    detector = _released(network, cfg, result, preparation, windowing)
    save_detector(detector, run_dir / "detector")
    _test(detector, cfg, prepared, run_dir)


def _test(detector: Detector, cfg: DictConfig, prepared: PreparedCorpus, run_dir: Path) -> None:
    """Score the release on subjects that neither trained nor tuned it."""
    score, tune = build(cfg.scoring), build(cfg.detect)
    test = prepared.of_split("test")
    baselines = score_baselines(
        cfg.baselines, prepared.of_split("val"), test, prepared.folder, tune=tune, score=score
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


def _configuration(cfg: DictConfig, run_dir: Path) -> DictConfig:
    """The run's own configuration: stored when it starts, read back when it goes on."""
    if cfg.resume is not None:
        stored = OmegaConf.load(run_dir / CONFIGURATION)
        assert isinstance(stored, DictConfig)
        cfg = stored
    cfg.run_dir = str(run_dir)
    with open_durable(run_dir / CONFIGURATION) as file:
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
    preparation: Preparation,
    windowing: Windowing,
) -> Detector:
    """The network with the weights of its best epoch, and the thresholds tuned there."""
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
        windowing,
        result.detection or build(cfg.detect.base),
        provenance,
        result.calibration,
    )
