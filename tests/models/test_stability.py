"""Training that nothing guards: ten times the normal rate, hard windows, both precisions."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_gradient_stops_being_a_number_and_the_loss_falls(tmp_path):
    target = tmp_path / "curves.json"
    command = [sys.executable, "benchmarks/stability.py", "--output", str(target)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for curve in json.loads(target.read_text()).values():
        assert len(curve["loss"]) == 300
        assert all(math.isfinite(value) for values in curve.values() for value in values)
        assert sum(curve["loss"][-50:]) < 0.8 * sum(curve["loss"][:50])
