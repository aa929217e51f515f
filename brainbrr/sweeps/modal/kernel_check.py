"""Check that the compiled kernels run forward and backward. Runs alone, as an image's last step."""

import sys

import torch


def main() -> None:
    """Exit with an error if a kernel does not load, or a gradient is not finite."""
    from causal_conv1d import causal_conv1d_fn
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

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
    main()
