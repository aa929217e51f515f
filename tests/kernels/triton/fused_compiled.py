"""Compiles the fused layer's kernels to machine code for GPUs that need not be here.

Prints kernel, compute capability, precision, registers a thread, bytes of a thread's stack and of
shared memory, one kernel a line. Run by `interpreted.py`.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from brainbrr.kernels.triton.backward import backward_kernel
from brainbrr.kernels.triton.forward import forward_kernel
from brainbrr.kernels.triton.layer import WARPS, kernel_constants
from brainbrr.models.mamba2 import Mamba2

CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
OF_INPUT = {"x_ptr", "output_ptr", "d_output_ptr", "d_x_ptr", "inside_ptr"}


def kind(name, dtype):
    """The type of an argument in Triton's words."""
    if name in OF_INPUT:
        return "*bf16" if dtype == torch.bfloat16 else "*fp32"
    if name == "seed_ptr":
        return "*i64"
    if name.endswith("_ptr"):
        return "*fp32"
    return "i32" if name.startswith("n_") else "fp32"


def compiled(kernel, name, capability, dtype):
    """Machine code of the second direction, with all that can be asked for."""
    block = Mamba2(16, d_state=8, headdim=4, scan="reference").weights()
    constants = kernel_constants(torch.empty(1, 960, 16, dtype=dtype), list(block))
    constants |= {"REVERSE": True, "DROP": True, "KEEP": True}
    constants = {name: value for name, value in constants.items() if name in kernel.arg_names}
    signature = {
        name: "constexpr" if name in constants else kind(name, dtype) for name in kernel.arg_names
    }
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(kernel.arg_names)
        if name.endswith("_ptr")
    }
    options = {"num_warps": WARPS[name][constants["PRECISION"]], "num_stages": 1}
    source = ASTSource(kernel, signature, constants, aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def resources(code):
    """Registers and stack as the machine code states them."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code.asm["cubin"])
        file.flush()
        command = [CUOBJDUMP, "--dump-resource-usage", file.name]
        message = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", message).groups()
    return registers, stack, code.metadata.shared


for way, kernel in (("forward", forward_kernel), ("backward", backward_kernel)):
    for capability in (80, 90):
        for dtype in (torch.bfloat16, torch.float32):
            code = compiled(kernel, way, capability, dtype)
            name = str(dtype).removeprefix("torch.")
            print(way, f"sm_{capability}", name, *resources(code), flush=True)
