"""The kernels on lesser processors than this one: narrower vectors, the same numbers."""

import platform

import pytest
import torch

from brainbrr.kernels.c import build, operators
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.c.build import load_library
from brainbrr.kernels.reference import BlockWeights
from brainbrr.models.mamba2 import BiMamba2
from brainbrr.models.sequence import ResidualBiMamba2

pytestmark = [
    pytest.mark.skipif(not available(), reason="no C compiler on this machine"),
    pytest.mark.skipif(
        platform.machine() not in {"x86_64", "AMD64"}, reason="names of x86 processors"
    ),
]


@pytest.fixture(params=["-march=x86-64", "-march=x86-64-v3"], ids=["4 lanes", "8 lanes"])
def lesser_processor(request, monkeypatch):
    """The functions of this test compile for, and run as on, an older processor."""
    if request.param.endswith("v3") and torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("this processor has no AVX2")

    def compile_for_it() -> None:
        monkeypatch.setattr(build, "CPU_FLAGS", ((request.param,),))
        load_library.cache_clear()

    yield compile_for_it
    load_library.cache_clear()


def with_gradients(function, arguments):
    leaves = [a.clone().requires_grad_() for a in arguments]
    output = function(*leaves)
    return [output, *torch.autograd.grad(output.square().sum(), leaves)]


def assert_same(function, arguments, compile_for_it):
    wanted = with_gradients(function, arguments)
    compile_for_it()
    got = with_gradients(function, arguments)
    for value, want in zip(got, wanted, strict=True):
        error = (value - want).abs().max() / want.abs().max()
        assert error < 1e-5
    return got, wanted


@pytest.mark.parametrize(
    "heads, headdim, d_state", [(8, 4, 8), (3, 5, 12), (2, 16, 8), (1, 64, 16)]
)
def test_block(lesser_processor, heads, headdim, d_state):
    generator = torch.Generator().manual_seed(0)
    inner, mixed = heads * headdim, heads * headdim + 2 * d_state
    shapes = [(2, 70, 16), (inner + mixed + heads, 16), (mixed, 1, 4), (mixed,), (heads,)]
    shapes += [(heads,), (heads,), (inner,), (16, inner)]
    arguments = [torch.randn(shape, generator=generator) / 3 for shape in shapes]
    arguments[5] = -arguments[5].abs() - 0.1
    assert_same(lambda x, *w: operators.block(x, BlockWeights(*w)), arguments, lesser_processor)


def test_norm(lesser_processor):
    generator = torch.Generator().manual_seed(0)
    arguments = [torch.randn(shape, generator=generator) for shape in ((2, 7, 90), (7,), (7,))]
    assert_same(lambda *a: operators.norm(*a, 1.0, True), arguments, lesser_processor)


def test_norm_of_bfloat16(lesser_processor):
    signal = torch.randn(2, 7, 90, generator=torch.Generator().manual_seed(0)).bfloat16()
    weight, bias = torch.ones(7), torch.zeros(7)
    wanted = operators.norm(signal, weight, bias, floor=1.0, activate=False)
    lesser_processor()
    assert torch.equal(operators.norm(signal, weight, bias, floor=1.0, activate=False), wanted)


@pytest.mark.parametrize("width", [16, 11])
def test_lift_and_read(lesser_processor, width):
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 50), (width,), (width,), (width,), ())

    def through(numbers, weight, bias, read_weight, constant):
        rows = operators.edge_embedding(numbers, weight, bias, 2.0, torch.float32)
        return operators.edge_head(rows, read_weight, constant, eps=1e-5)

    arguments = [torch.randn(shape, generator=generator) / 2 for shape in shapes]
    assert_same(through, arguments, lesser_processor)


def test_eigenvectors(lesser_processor):
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(37, 19, 19, generator=generator)
    matrices = matrices + matrices.mT
    lesser_processor()
    vectors = operators.eigenvectors(matrices, 19)
    turned = vectors.mT @ matrices @ vectors
    expected = torch.diag_embed(torch.linalg.eigvalsh(matrices))
    assert (turned - expected).abs().max() < 1e-4


def test_layer_of_bfloat16(lesser_processor):
    torch.manual_seed(0)
    layer = ResidualBiMamba2(16, BiMamba2(16, d_state=8, headdim=4, scan="c"), 0.0)
    rows = torch.randn(3, 70, 16).bfloat16()
    exact = layer(rows.float())
    lesser_processor()
    got = layer(rows)
    assert got.dtype == torch.bfloat16
    # Without products of bfloat16 only what is stored is rounded.
    assert (got.float() - exact).abs().max() < 2**-8 * exact.abs().max()
