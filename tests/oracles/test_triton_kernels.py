"""The kernels a GPU runs, checked without one."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.slow
def test_mamba_ssms_triton_kernels_equal_the_recurrence():
    if find_spec("triton") is None or find_spec("mamba_ssm") is None:
        pytest.skip("triton and mamba-ssm are not installed")
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(HERE / "triton_on_cpu.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    errors = [(name, float(error)) for name, error in map(str.split, done.stdout.splitlines())]
    assert len(errors) == 3 * 9
    # float32 through another order of sums.
    assert max(error for _, error in errors) < 2e-5, errors
