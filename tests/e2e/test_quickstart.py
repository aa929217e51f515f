"""What the demo claims: the detector beats thresholds without learning on subjects it never saw."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_the_quickstart_beats_line_length_and_band_power(tmp_path: Path) -> None:
    def brainbrr(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "brainbrr", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )

    brainbrr("synthesize", "output=data/synthetic")
    brainbrr("train", "experiment=quickstart", "run_dir=run")
    ours = json.loads((tmp_path / "run" / "scores.json").read_text())
    baselines = json.loads((tmp_path / "run" / "baselines.json").read_text())
    assert set(baselines) == {"line_length", "band_power"}
    path = ("szcore", "event", "subject_mean")
    for other in baselines.values():
        mine, theirs, spread = ours, other, ours["intervals_95"]
        for key in path:
            mine, theirs, spread = mine[key], theirs[key], spread[key]
        assert theirs["f1"] < 0.5
        assert mine["f1"] > theirs["f1"] + 0.2
        assert spread["f1"][0] > theirs["f1"]
