"""The best and the last checkpoint of a run on its test subjects, each with thresholds tuned on its
own validation.

    python experiments/small/best_and_last.py runs/small
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.build import build
from brainbrr.cli.evaluation import predict_rows
from brainbrr.data.manifest import ManifestRow
from brainbrr.inference.artifact import load_detector
from brainbrr.inference.detector import Detector
from brainbrr.training.ema import released_weights


def event_score(detector: Detector, cfg: DictConfig, prepared: Any) -> Mapping[str, Any]:
    """The event score on the test subjects, thresholds tuned on the validation subjects."""
    val = predict_rows(detector, prepared.of_split("val"), prepared.folder, what="validation")
    tuned = build(cfg.detect)(val.traces, val.references, split="val", subjects=val.subjects)
    detector = detector.with_detection(tuned.detection)
    test: Sequence[ManifestRow] = prepared.of_split("test")
    found = predict_rows(detector, test, prepared.folder, what="test")
    scores = build(cfg.scoring)(
        found.references, found.hypotheses, found.traces, subjects=found.subjects,
        detection=tuned.detection,
    )  # fmt: skip
    event = scores["szcore"]["event"]["subject_mean"]
    interval = scores["intervals_95"]["szcore"]["event"]["subject_mean"]["f1"]
    samples = scores["sample_level"]["average_precision"]
    return {**event, "f1_interval_95": interval, "average_precision": samples}


def main(run_dir: Path) -> None:
    """Print one JSON object: a score for each checkpoint."""
    cfg = OmegaConf.load(run_dir / "config.yaml")
    assert isinstance(cfg, DictConfig)
    prepared = build(cfg.prepare)(build(cfg.data), build(cfg.signal.preparation))
    told = {}
    for name in ("best", "last"):
        detector = load_detector(run_dir / "detector")
        checkpoint = run_dir / "checkpoints" / f"{name}.ckpt"
        detector.network.load_state_dict(released_weights(checkpoint))
        told[name] = event_score(detector, cfg, prepared)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
