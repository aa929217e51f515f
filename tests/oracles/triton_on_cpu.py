"""mamba-ssm's own Triton kernels, interpreted on the processor, against the plain scan.

Run by `test_triton_kernels.py` in a process of its own with TRITON_INTERPRET=1.
"""

from contextlib import nullcontext
from types import SimpleNamespace

import torch
import triton

torch.cuda.device = lambda _: nullcontext()
torch.cuda.get_device_properties = lambda _: SimpleNamespace(multi_processor_count=1)
autotune = triton.autotune
# Choosing among configurations means timing them on a device.
triton.autotune = lambda configs, key, **options: autotune(configs[:1], key, **options)

from brainbrr.kernels.mamba_ssm import launch_scan  # noqa: E402
from brainbrr.kernels.reference import recurrence  # noqa: E402

NAMES = ("y", "state", "x", "dt", "A", "B", "C", "D", "initial_state")


def results(scan, inputs):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    y, state = scan(*leaves)
    generator = torch.Generator().manual_seed(1)
    loss = (y * torch.randn(y.shape, generator=generator)).sum()
    loss = loss + (state * torch.randn(state.shape, generator=generator)).sum()
    return [y.detach(), state.detach(), *torch.autograd.grad(loss, leaves)]


for batch, length, headdim, d_state in ((2, 100, 8, 8), (3, 64, 4, 8), (1, 70, 4, 16)):
    generator = torch.Generator().manual_seed(0)
    inputs = (
        torch.randn(batch, length, 8, headdim, generator=generator),
        torch.rand(batch, length, 8, generator=generator) * 0.2,
        -torch.rand(8, generator=generator) * 15 - 1,
        torch.randn(batch, length, 1, d_state, generator=generator),
        torch.randn(batch, length, 1, d_state, generator=generator),
        torch.randn(8, generator=generator),
        torch.randn(batch, 8, headdim, d_state, generator=generator),
    )
    pairs = zip(NAMES, results(launch_scan, inputs), results(recurrence, inputs), strict=True)
    for name, got, want in pairs:
        print(name, float((got - want).abs().max() / want.abs().max()))
