"""What every operator in C with a derivative promises, whatever it computes.

Each has a test of its numbers next to this one; here they are held to their namesakes in
`reference`, and to one contract of autograd.
"""

import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.kernels import reference
from brainbrr.kernels.c import operators
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.reference import BlockWeights

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")


def draw(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) / 2 for shape in shapes]


def plain_block(inputs, *weights):
    return reference.mamba2_block(
        inputs, BlockWeights(*weights), eps=1e-5, scan=reference.recurrence,
        convolve=reference.convolve,
    )  # fmt: skip


def plain_head(rows, weight, constant):
    unit = torch.ones_like(weight)
    return reference.edge_head(rows, unit, 0 * unit, weight[None], constant[None], 1e-5)


BLOCK = draw((2, 40, 8), (34, 8), (24, 1, 4), (24,), (2,), (2,), (2,), (8,), (8, 8))
BLOCK[5] = -BLOCK[5].abs() - 0.1
# Operator, its definition, and its tensors.
CASES = {
    "block": (lambda x, *w: operators.block(x, BlockWeights(*w)), plain_block, BLOCK),
    "norm": (
        lambda *tensors: operators.norm(*tensors, 1.0, True),
        lambda *tensors: reference.norm(*tensors, 1.0, True),
        draw((2, 7, 90), (7,), (7,)),
    ),
    "edge_embedding": (
        lambda *tensors: operators.edge_embedding(*tensors, 2.0, torch.float32),
        lambda x, weight, bias: reference.edge_embedding(x, weight[:, None], bias, 2.0),
        draw((3, 50), (16,), (16,)),
    ),
    "edge_head": (
        lambda *tensors: operators.edge_head(*tensors, 1e-5),
        plain_head,
        draw((3, 50, 16), (16,), ()),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def gradients(function, tensors, wanted=None):
    """The output, and the gradient of each tensor whose number is wanted."""
    wanted = range(len(tensors)) if wanted is None else wanted
    leaves = [t.clone().requires_grad_(i in wanted) for i, t in enumerate(tensors)]
    output = function(*leaves)
    output.square().sum().backward()
    return output.detach(), [leaf.grad for leaf in leaves]


def test_it_equals_its_namesake_forward_and_backward(case):
    operator, plain, tensors = case
    output, grads = gradients(operator, tensors)
    expected, wanted = gradients(plain, [tensor.double() for tensor in tensors])
    for got, want in zip((output, *grads), (expected, *wanted), strict=True):
        assert got.dtype == torch.float32
        assert (got - want).abs().max() <= 2e-5 * want.abs().max()


def test_a_gradient_that_nobody_wants_is_not_given_and_changes_no_other(case):
    operator, _, tensors = case
    _, every = gradients(operator, tensors)
    for number in range(len(tensors)):
        _, grads = gradients(operator, tensors, {number})
        assert [grad is not None for grad in grads] == [i == number for i in range(len(tensors))]
        assert torch.equal(grads[number], every[number])


def test_without_gradients_the_output_has_the_same_bits(case):
    operator, _, tensors = case
    output, _ = gradients(operator, tensors)
    with torch.inference_mode():
        assert torch.equal(operator(*tensors), output)


def test_second_derivatives_are_refused(case):
    operator, _, tensors = case
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    with pytest.raises(InvalidInput, match="first derivatives only; got create_graph=True"):
        torch.autograd.grad(operator(*leaves).square().sum(), leaves[0], create_graph=True)


def test_inputs_are_left_as_they_were(case):
    operator, _, tensors = case
    before = [tensor.clone() for tensor in tensors]
    gradients(operator, tensors)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, before, strict=True))
