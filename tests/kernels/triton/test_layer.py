"""Where the fused layer for CUDA is taken and what it refuses; its numbers are checked by the
oracles, and here where a GPU is."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from brainbrr.errors import InvalidInput, Unavailable
from brainbrr.kernels import ops
from brainbrr.kernels.triton import layer as triton
from brainbrr.models.mamba2 import NORM_EPS, BiMamba2
from brainbrr.models.sequence import ResidualBiMamba2


def draw(d_model=16, headdim=4, scan="auto", **sizes):
    torch.manual_seed(0)
    block = BiMamba2(d_model, d_state=sizes.pop("d_state", 8), headdim=headdim, scan=scan, **sizes)
    return ResidualBiMamba2(d_model, block, 0.0), torch.randn(5, 70, d_model)


def directions(layer):
    return [block.weights() for block in layer.layer.children()]


@pytest.mark.parametrize(
    ("scan", "taken"),
    [("triton", "triton"), ("auto", None), ("mamba_ssm", None), ("chunked", None)],
)
def test_it_is_taken_by_name_alone(monkeypatch, scan, taken):
    monkeypatch.setattr(triton, "fits", lambda *_: True)
    layer, inputs = draw(scan="chunked")
    assert ops._residual_kernel(inputs.to("meta"), directions(layer)[0], scan) == taken


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_by_name_it_is_refused_where_it_cannot_run():
    with pytest.raises(Unavailable, match="Triton 3.2 or newer"):
        draw(scan="triton")


def on_cuda(tensor):
    return tensor.as_subclass(type("OnCuda", (torch.Tensor,), {"is_cuda": True}))


def test_by_the_name_of_c_an_input_on_cuda_is_refused():
    layer, inputs = draw(scan="chunked")
    layer.layer.forwards.scan = "c"
    with pytest.raises(InvalidInput, match="tensors on the CPU"):
        layer(inputs.to("meta"))


def test_on_the_cpu_or_wide_or_in_float64_it_is_not_taken():
    weights = {width: directions(draw(width, headdim=2)[0])[0] for width in (16, 64)}
    narrow = torch.zeros(1, 8, 16)
    assert not triton.fits(narrow, weights[16])
    assert triton.fits(on_cuda(narrow), weights[16]) is triton.available()
    assert not triton.fits(on_cuda(narrow), weights[64])
    assert not triton.fits(on_cuda(narrow), directions(draw(d_state=32)[0])[0])
    assert not triton.fits(on_cuda(narrow.double()), weights[16])
    assert not triton.fits(on_cuda(torch.zeros(1, 8, 64)), weights[16])


def test_torch_compile_sees_an_operator_with_known_shapes():
    layer, inputs = draw()
    tensors = [inputs, *directions(layer)[0], *directions(layer)[1], *layer.norm.parameters()]
    with FakeTensorMode(), torch.no_grad():
        x, *weights = (torch.empty(tensor.shape, device="cuda") for tensor in tensors)
        numbers = (None, 1e-5, 1e-5, 0.0)
        output, kept = torch.ops.brainbrr.residual_bimamba(x, weights, *numbers, True)
        assert output.shape == inputs.shape
        assert kept.shape == (2, 5, 2, 8, 32)  # Two directions, five sequences, a state at 0, 64.
        back = torch.ops.brainbrr.residual_bimamba_backward
        grads = back(output, x, kept, weights, *numbers)
        assert [grad.shape for grad in grads] == [t.shape for t in (x, *weights)]


def test_refusals():
    layer, inputs = draw()
    weights = directions(layer)[0]
    with pytest.raises(InvalidInput, match="float32, float16 or bfloat16"):
        triton.check(inputs.double(), weights)
    wide, rows = draw(64, 8)
    with pytest.raises(InvalidInput, match="at most 32"):
        triton.check(rows, directions(wide)[0])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda x, other, options: (x, other, options), "two directions of one size"),
        (lambda x, other, options: (x[..., :8], None, options), "in_proj"),
        (lambda x, other, options: (x, None, options | {"dropout": 1.0}), "0 <= dropout < 1"),
    ],
)
def test_what_disagrees_is_refused_before_a_launch(monkeypatch, change, match):
    monkeypatch.setattr(triton, "fits", lambda *_: True)
    layer, inputs = draw(scan="chunked")
    forwards, backwards = directions(layer)
    options = {"norm_eps": 1e-5, "eps": NORM_EPS, "scan": "triton"}
    inputs, other, options = change(inputs, directions(draw(headdim=2)[0])[1], options)
    with pytest.raises(InvalidInput, match=match):
        ops.residual_bimamba(
            inputs, forwards, other or backwards, *layer.norm.parameters(), **options
        )


@pytest.mark.skipif(not triton.available(), reason="no Triton 3.2")
def test_elsewhere_than_on_cuda_it_is_refused_by_name():
    layer, inputs = draw()
    weights = [*directions(layer)[0], *directions(layer)[1], *layer.norm.parameters()]
    with pytest.raises(InvalidInput, match="for the fused layer"):
        triton.layer_forward(inputs, weights, None, 1e-5, 1e-5, 0.0, False)


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.bfloat16, 5e-2)])
def test_on_a_gpu_it_gives_what_the_recurrence_gives(dtype, tolerance):
    found = []
    for scan in ("triton", "reference"):
        layer, inputs = draw(scan=scan)
        layer.cuda()
        leaf = inputs.to("cuda", dtype).requires_grad_()
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            output = layer(leaf)
        grads = torch.autograd.grad(output.float().square().sum(), [leaf, *layer.parameters()])
        found.append([output, *grads])
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()
