"""The last checkpoint of a run on the run's test subjects, with the thresholds that were tuned when
it was validated; the best one's score is in the run's scores.json.

    python experiments/small/last.py runs/small
"""

import json
import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.build import build
from brainbrr.cli.evaluate import predict_rows
from brainbrr.events.detection import Detection
from brainbrr.release.artifact import load_release
from brainbrr.training.callbacks.checkpoint_file import LAST, read_checkpoint
from brainbrr.training.callbacks.ema import released_weights


def main(run_dir: Path) -> None:
    """Print the event score and its interval as one JSON object."""
    cfg = OmegaConf.load(run_dir / "config.yaml")
    assert isinstance(cfg, DictConfig)
    prepared = build(cfg.prepare)(build(cfg.data), build(cfg.signal.preparation))
    checkpoint = run_dir / "checkpoints" / LAST
    thresholds = read_checkpoint(checkpoint)["callbacks"]["Validation"]["detection"]
    detector = load_release(run_dir / "detector").with_detection(Detection(**thresholds))
    detector.network.load_state_dict(released_weights(checkpoint))
    found = predict_rows(detector, prepared.of_split("test"), prepared.folder)
    scores = build(cfg.scoring)(
        found.references, found.hypotheses, found.traces, subjects=found.subjects,
        detection=detector.detection,
    )  # fmt: skip
    told = {
        **scores["szcore"]["event"]["subject_mean"],
        "f1_interval_95": scores["intervals_95"]["szcore"]["event"]["subject_mean"]["f1"],
        "average_precision": scores["sample_level"]["average_precision"],
    }
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
