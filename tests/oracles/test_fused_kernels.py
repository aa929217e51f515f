"""The fused layer's Triton kernels, checked and compiled without a GPU."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from brainbrr.kernels.triton.layer import available

HERE = Path(__file__).resolve().parent
N_TENSORS = 20
"""Output, input and eighteen weights."""

pytestmark = pytest.mark.skipif(not available(), reason="no Triton 3.2")


def run(script, *arguments, **environment):
    """What a script prints, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])} | environment
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [line.split() for line in done.stdout.splitlines()]


@cache
def errors(*cases):
    found = {}
    for case, name, error in run("fused_on_cpu.py", *cases, TRITON_INTERPRET="1"):
        found.setdefault(case, {})[name] = float(error)
    return found


def test_one_frame_equals_the_recurrence():
    found = errors("frame")
    assert len(found["frame"]) == N_TENSORS
    # float32 through another order of sums; repeated, the same bits.
    assert max(found["frame"].values()) < 2e-5, found
    assert max(found["frame-again"].values()) == 0.0


@pytest.mark.slow
def test_output_and_every_gradient_equal_the_recurrence():
    found = errors()
    for case in ("v3", "tiny", "frame", "dropout"):
        assert len(found[case]) == N_TENSORS
        assert max(found[case].values()) < 2e-5, (case, found[case])
    assert max(found["tiny-again"].values()) == 0.0
    assert found["kept"]["share"] == pytest.approx(0.8, abs=0.1)


@pytest.mark.slow
def test_half_precision_costs_what_its_rounding_does():
    found = errors()
    assert max(found["float16"].values()) < 1e-2, found["float16"]
    # Gradients of A_log are small differences; autocast's own are off by 4 % here.
    rates = {name for name in found["bfloat16"] if name.endswith("A_log")}
    others = {name: error for name, error in found["bfloat16"].items() if name not in rates}
    assert max(others.values()) < 3e-2, others
    assert max(found["bfloat16"][name] for name in rates) < 0.3


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kernels_compile_for_gpus_that_are_not_here():
    found = run("fused_compiled.py")
    assert len(found) == 8
    for name, gpu, precision, registers, stack_bytes, shared_bytes in found:
        what = (name, gpu, precision)
        assert 0 < int(registers) <= 255, what
        # What spills stays within the first cache; what is shared needs no permission.
        assert int(stack_bytes) <= (2048 if name == "backward" else 512), (what, stack_bytes)
        assert int(shared_bytes) <= 48 * 1024, (what, shared_bytes)
