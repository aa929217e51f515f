"""The ends of the edge stream in C against torch in float64, both ways."""

import copy

import pytest
import torch
from torch import nn

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c import operators
from brainbrr.kernels.c.binding import available
from brainbrr.models.edges import EdgeEmbedding, EdgeHead

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")

SHAPES = [(2, 171, 13), (5, 7, 64), (1, 1, 1)]
WIDTHS = (16, 8, 20, 33)


def near(ours, theirs, tolerance=2e-6):
    return all(
        (one.double() - other).abs().max() <= tolerance * other.abs().max()
        for one, other in zip(ours, theirs, strict=True)
    )


def draw_lift(width):
    torch.manual_seed(width)
    lift = EdgeEmbedding(width)
    nn.init.normal_(lift.weight)
    return lift


def draw_read(width):
    """A reader and a norm that is not the identity."""
    torch.manual_seed(width)
    read, norm = EdgeHead(width), nn.LayerNorm(width)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return read, norm


def lift_both_ways(lift, numbers, gradient):
    leaf = numbers.clone().requires_grad_()
    rows = lift(leaf, 2.5)
    return [rows, *torch.autograd.grad(rows, [leaf, *lift.parameters()], gradient)]


def read_both_ways(read, norm, rows, gradient):
    leaf = rows.clone().requires_grad_()
    numbers = read(leaf, norm)
    leaves = [leaf, *read.parameters(), *norm.parameters()]
    return [numbers, *torch.autograd.grad(numbers, leaves, gradient)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_lift_and_its_gradients_are_torchs(shape, width):
    lift = draw_lift(width)
    numbers, gradient = 0.4 * torch.rand(shape) - 0.2, torch.randn(*shape, width)
    ours = lift_both_ways(lift, numbers, gradient)
    theirs = lift_both_ways(copy.deepcopy(lift).double(), numbers.double(), gradient.double())
    assert near(ours, theirs, tolerance=1e-5 if shape == (1, 1, 1) else 2e-6)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_read_and_its_gradients_are_torchs(shape, width):
    read, norm = draw_read(width)
    rows, gradient = 1.0 + 3.0 * torch.randn(*shape, width), torch.randn(shape)
    ours = read_both_ways(read, norm, rows, gradient)
    doubled = (copy.deepcopy(read).double(), copy.deepcopy(norm).double())
    theirs = read_both_ways(*doubled, rows.double(), gradient.double())
    assert near(ours, theirs, tolerance=2e-5 if shape == (1, 1, 1) else 5e-6)


def test_tanh_is_exact_to_relative_rounding_near_zero():
    lift = EdgeEmbedding(16)
    with torch.no_grad():
        lift.weight.fill_(1.0)
        lift.bias.zero_()
    numbers = torch.logspace(-8, 1.5, 1000)
    numbers = torch.cat([-numbers, numbers])
    expected = torch.tanh(numbers.double())[:, None]
    assert ((lift(numbers, 1.0) - expected) / expected).abs().max() < 5e-7


def test_bfloat16_rows_are_read_as_they_are_and_rounded_once():
    lift, (read, norm) = draw_lift(16), draw_read(16)
    numbers = torch.rand(3, 40)
    rows = lift(numbers, 2.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = lift(numbers, 2.0)
        assert torch.equal(half, rows.bfloat16())
        found = read(half, norm)
    assert found.dtype == torch.float32
    assert torch.equal(found, read(half.float(), norm))


def test_other_halves_are_torchs_and_refused_by_name():
    lift, numbers = draw_lift(16), torch.rand(3, 40)
    with torch.autocast("cpu", dtype=torch.float16):
        half = lift(numbers, 2.0)
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), lift(numbers, 2.0), atol=2e-3)
    with pytest.raises(InvalidInput, match="float32 or bfloat16"):
        operators.edge_embedding(numbers, lift.weight[:, 0], lift.bias, 1.0, torch.float16)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so_and_stays_in_its_row(value):
    lift, (read, norm) = draw_lift(16), draw_read(16)
    numbers = torch.rand(50)
    clean, rows = lift(numbers, 1.0), torch.randn(50, 16)
    read_clean = read(rows, norm)
    numbers[7], rows[9, 3] = float("nan"), value
    hurt, read_hurt = lift(numbers, 1.0), read(rows, norm)
    assert hurt[7].isnan().all()
    assert not read_hurt[9].isfinite()
    hurt[7], read_hurt[9] = clean[7], read_clean[9]
    assert torch.equal(hurt, clean)
    assert torch.equal(read_hurt, read_clean)
