"""Check that the kernels run forward and backward: `python kernel_check.py TORCH_VERSION`.

Runs alone, as an image's last step.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

SCAN = "mamba_ssm.ops.triton.ssd_combined"


def load_scan() -> Callable[..., torch.Tensor]:
    """Import mamba-ssm's scan as `brainbrr.kernels.mamba_ssm` does: if the package does not load,
    which needs Mamba-1's extension and transformers, without it."""
    try:
        module = import_module(SCAN)
    except ImportError:
        spec = find_spec("mamba_ssm")
        if spec is None:
            raise
        bare = ModuleType("mamba_ssm")
        bare.__path__ = list(spec.submodule_search_locations or ())
        sys.modules["mamba_ssm"] = bare
        module = import_module(SCAN)
    function: Callable[..., torch.Tensor] = module.mamba_chunk_scan_combined
    return function


def main(version: str) -> None:
    """Exit with an error if torch is another, a kernel does not load, or a gradient is not
    finite."""
    if torch.__version__ != version:
        sys.exit(f"expected torch {version}; got {torch.__version__}: a later step replaced it")
    from causal_conv1d import causal_conv1d_fn

    mamba_chunk_scan_combined = load_scan()

    generator = torch.Generator("cuda").manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device="cuda", generator=generator).requires_grad_()

    signal, weight = noise(2, 16, 128), noise(16, 4)
    convolved = causal_conv1d_fn(signal, weight, activation="silu")
    x, dt, decay = noise(2, 128, 8, 8), noise(2, 128, 8), noise(8)
    state_in, state_out = noise(2, 128, 1, 16), noise(2, 128, 1, 16)
    scanned = mamba_chunk_scan_combined(
        x, dt.sigmoid() * 0.1, -decay.exp(), state_in, state_out, chunk_size=64
    )
    (convolved.square().sum() + scanned.square().sum()).backward()
    for name, tensor in {"signal": signal, "weight": weight, "x": x, "dt": dt}.items():
        if tensor.grad is None or not bool(tensor.grad.isfinite().all()):
            sys.exit(f"the gradient of {name} is not finite")
    sys.stdout.write(f"kernels run on torch {torch.__version__}\n")


if __name__ == "__main__":
    main(sys.argv[1])
