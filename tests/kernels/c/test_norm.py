"""The norm and its GELU in C against torch in float64, both ways."""

import copy

import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c import binding
from brainbrr.kernels.c.binding import available
from brainbrr.models.layers import ChannelNorm

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")

SHAPES = [(2, 64, 1000), (3, 19, 77), (1, 130, 64), (2, 5, 3), (1, 1, 1)]


def draw(shape, size=3.0):
    torch.manual_seed(shape[1])
    norm = ChannelNorm(shape[1])
    with torch.no_grad():
        norm.weight.uniform_(-2.0, 2.0)
        norm.bias.uniform_(-1.0, 1.0)
    return norm, size * torch.randn(shape), torch.randn(shape)


def both_ways(norm, signal, gradient, activate):
    leaf = signal.clone().requires_grad_()
    output = norm(leaf, activate=activate)
    gradients = torch.autograd.grad(output, [leaf, *norm.parameters()], gradient.to(output.dtype))
    return [output.detach(), *gradients]


@pytest.mark.parametrize("activate", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_output_and_gradients_are_torchs(shape, activate):
    norm, signal, gradient = draw(shape)
    ours = both_ways(norm, signal, gradient, activate)
    theirs = both_ways(copy.deepcopy(norm).double(), signal.double(), gradient, activate)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).abs().max() <= 1e-6 * other.abs().max()


@pytest.mark.parametrize("activate", [False, True])
def test_bfloat16_is_read_and_rounded_once(activate):
    norm, signal, gradient = draw(SHAPES[1])
    signal, gradient = signal.bfloat16(), gradient.bfloat16()
    ours = both_ways(norm, signal, gradient, activate)
    theirs = both_ways(norm, signal.float(), gradient.float(), activate)
    assert [tensor.dtype for tensor in ours[:2]] == [torch.bfloat16] * 2
    for one, other in zip(ours[:2], theirs[:2], strict=True):
        assert torch.equal(one, other.bfloat16())
    for one, other in zip(ours[2:], theirs[2:], strict=True):
        assert torch.equal(one, other)


def test_gelu_is_exact_from_its_tail_to_its_asymptote():
    norm = ChannelNorm(1, floor=1e30)
    with torch.no_grad():
        norm.weight.fill_(1e15)
    signal = torch.linspace(-12.0, 12.0, 4001)[None, None]
    expected = torch.nn.functional.gelu(signal.double())
    # A floor of 1e30 and a weight of 1e15 leave the signal as it is.
    assert (norm(signal, activate=True) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_so_and_stays_in_its_sample(value):
    norm, signal, _ = draw(SHAPES[0])
    clean = norm(signal, activate=True)
    signal[1, 3, 70] = value
    hurt = norm(signal, activate=True)
    assert not hurt[1, :, 70].isfinite().all()
    hurt[1, :, 70] = clean[1, :, 70]
    assert torch.equal(hurt, clean)


def test_results_do_not_depend_on_threads():
    norm, signal, gradient = draw(SHAPES[0])
    threads = torch.get_num_threads()
    try:
        results = []
        for n in (1, 3):
            torch.set_num_threads(n)
            results.append(both_ways(norm, signal, gradient, True))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_second_derivatives_are_refused():
    norm, signal, _ = draw(SHAPES[1])
    output = norm(signal.requires_grad_(), activate=True)
    with pytest.raises(InvalidInput, match="first derivatives only"):
        torch.autograd.grad(output.sum(), signal, create_graph=True)


def test_without_the_kernels_torch_gives_the_same(monkeypatch):
    norm, signal, _ = draw(SHAPES[0])
    ours = norm(signal, activate=True)
    monkeypatch.setattr(binding, "available", lambda: False)
    assert torch.allclose(norm(signal, activate=True), ours, rtol=1e-5, atol=1e-6)
    assert norm(signal.bfloat16(), activate=True).dtype == torch.bfloat16
