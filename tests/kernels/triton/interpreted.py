"""What the fused layer's kernels give where there is no GPU: interpreted, or only compiled."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from brainbrr.kernels.triton.layer import available

HERE = Path(__file__).resolve().parent
WHOLE = ("v3", "tiny", "frame", "dropout")
needs_triton = pytest.mark.skipif(not available(), reason="no Triton 3.2")


def run(script, *arguments, **environment):
    """What a script prints, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[2])} | environment
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [line.split() for line in done.stdout.splitlines()]


@cache
def errors(*cases):
    """Each tensor's error relative to the recurrence, by case and name."""
    found = {}
    for case, name, error in run("fused_on_cpu.py", *cases, TRITON_INTERPRET="1"):
        found.setdefault(case, {})[name] = float(error)
    return found


@cache
def sizes():
    """Registers, stack and shared bytes of each kernel, GPU and precision that it compiles for."""
    found = {}
    for *what, registers, stack_bytes, shared_bytes in run("fused_compiled.py"):
        found[tuple(what)] = (int(registers), int(stack_bytes), int(shared_bytes))
    return found


def assert_compiles(kernel, most_stack_bytes):
    """For GPUs that are not here: what spills stays within the first cache, and what is shared
    needs no permission."""
    of_kernel = {what: size for what, size in sizes().items() if what[0] == kernel}
    assert len(of_kernel) == 4
    for what, (registers, stack_bytes, shared_bytes) in of_kernel.items():
        assert 0 < registers <= 255, what
        assert stack_bytes <= most_stack_bytes, (what, stack_bytes)
        assert shared_bytes <= 48 * 1024, (what, shared_bytes)
