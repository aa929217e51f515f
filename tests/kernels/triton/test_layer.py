"""Where the fused layer for CUDA is taken and what it refuses; its numbers are checked by the
oracles, and here where a GPU is."""

import pytest
import torch

from brainbrr.kernels.c.binding import UnsupportedScanInput
from brainbrr.kernels.mamba_ssm import NotOnCuda
from brainbrr.kernels.scan import ScanUnavailable, auto, chunked, fused, kernel_scan
from brainbrr.kernels.triton.layer import fused_available, fused_can_take, fused_layer
from brainbrr.models import mamba2
from brainbrr.models.mamba2 import BiMamba2
from brainbrr.models.sequence import PreNorm

OPTIONS = {"norm_eps": 1e-5, "eps": 1e-5}


def draw(d_model=16, headdim=4, scan="auto", **sizes):
    torch.manual_seed(0)
    block = BiMamba2(d_model, d_state=sizes.pop("d_state", 8), headdim=headdim, scan=scan, **sizes)
    return PreNorm(d_model, block, 0.0), torch.randn(5, 70, d_model)


def directions(layer):
    return [block.block_weights() for block in layer.layer.children()]


@pytest.mark.parametrize(
    ("scan", "taken"), [(fused, True), (auto, False), (kernel_scan, False), (chunked, False)]
)
def test_it_is_taken_by_name_alone(monkeypatch, scan, taken):
    monkeypatch.setattr(mamba2, "fused_can_take", lambda *_: True)
    layer, inputs = draw(scan="chunked")
    layer.layer.forwards.scan = scan
    assert layer.layer.is_fused(inputs.to("meta")) is taken


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_by_name_it_is_refused_where_it_cannot_run():
    with pytest.raises(ScanUnavailable, match="Triton 3.2 or newer"):
        draw(scan="fused")


@pytest.mark.parametrize(("scan", "taken"), [(fused, "fused_layer"), (auto, "native_layer")])
def test_what_runs_is_what_was_named(monkeypatch, scan, taken):
    """By any other name even an input on CUDA meets the layer in C, which refuses it."""
    seen = []

    def stand_in(name):
        def run(inputs, *arguments, **options):
            seen.append((name, options))
            return inputs

        return run

    for name in ("fused_layer", "native_layer"):
        monkeypatch.setattr(mamba2, name, stand_in(name))
    monkeypatch.setattr(mamba2, "fused_can_take", lambda *_: True)
    layer, inputs = draw(scan="chunked")
    layer.layer.forwards.scan = scan
    on_cuda = type("OnCuda", (torch.Tensor,), {"is_cuda": True})
    assert layer.layer.residual(inputs.as_subclass(on_cuda), layer.norm, 0.25) is not None
    assert seen == [(taken, {"norm_eps": 1e-5, "eps": 1e-5, "dropout": 0.25})]


def test_on_the_processor_or_wide_or_in_float64_it_is_not_taken():
    assert not fused_can_take(torch.zeros(1, 8, 16), 32, 8)
    on_cuda = type("OnCuda", (torch.Tensor,), {"is_cuda": True})
    narrow = torch.zeros(1, 8, 16).as_subclass(on_cuda)
    assert fused_can_take(narrow, 32, 8) is fused_available()
    assert not fused_can_take(narrow, 128, 8)
    assert not fused_can_take(narrow, 32, 32)
    assert not fused_can_take(narrow.double(), 32, 8)
    assert not fused_can_take(torch.zeros(1, 8, 64).as_subclass(on_cuda), 32, 8)


def test_torch_compile_sees_operators_with_known_shapes():
    layer, inputs = draw()
    both = directions(layer)
    weights = [*both[0], *both[1], layer.norm.weight, layer.norm.bias]
    weights = [weight.detach().to("meta") for weight in weights]
    x, seed = inputs.to("meta"), None
    output, kept = torch.ops.brainbrr.fused_layer(x, weights, seed, 1e-5, 1e-5, 0.0, True)
    assert output.shape == inputs.shape
    assert kept.shape == (2, 5, 2, 8, 32)  # Two directions, five sequences, a state at 0 and 64.
    grads = torch.ops.brainbrr.fused_layer_backward(output, x, kept, weights, seed, 1e-5, 1e-5, 0.0)
    assert [grad.shape for grad in grads] == [t.shape for t in (x, *weights)]


def test_refusals():
    layer, inputs = draw()
    both, norm = directions(layer), (layer.norm.weight, layer.norm.bias)
    with pytest.raises(UnsupportedScanInput, match="two directions of one size"):
        fused_layer(inputs[..., :8], *both, *norm, **OPTIONS)
    with pytest.raises(UnsupportedScanInput, match="0 <= dropout < 1"):
        fused_layer(inputs, *both, *norm, **OPTIONS, dropout=1.0)
    with pytest.raises(UnsupportedScanInput, match="float32, float16 or bfloat16"):
        fused_layer(inputs.double(), *both, *norm, **OPTIONS)
    wide, rows = draw(64, 8)
    with pytest.raises(UnsupportedScanInput, match="at most 32"):
        fused_layer(rows, *directions(wide), wide.norm.weight, wide.norm.bias, **OPTIONS)


@pytest.mark.skipif(not fused_available(), reason="no Triton 3.2")
def test_elsewhere_than_on_cuda_it_is_refused_by_name():
    layer, inputs = draw()
    with pytest.raises(NotOnCuda, match="for the fused layer"):
        fused_layer(inputs, *directions(layer), layer.norm.weight, layer.norm.bias, **OPTIONS)


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.bfloat16, 5e-2)])
def test_on_a_gpu_it_gives_what_the_recurrence_gives(dtype, tolerance):
    found = []
    for scan in ("fused", "reference"):
        layer, inputs = draw(scan=scan)
        layer.cuda()
        leaf = inputs.to("cuda", dtype).requires_grad_()
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            output = layer(leaf)
        grads = torch.autograd.grad(output.float().square().sum(), [leaf, *layer.parameters()])
        found.append([output, *grads])
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()
