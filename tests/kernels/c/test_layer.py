"""The fused layer against the same steps by torch around the fused block, and its dropout."""

import pytest
import torch
from torch import nn

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.ops import residual_bimamba
from brainbrr.models.mamba2 import BiMamba2
from brainbrr.models.sequence import ResidualBiMamba2

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")

# batch, length, d_model, headdim, d_state, d_conv
SHAPES = [
    (7, 77, 16, 4, 8, 4),
    (3, 33, 64, 8, 8, 4),
    (5, 64, 8, 1, 4, 3),
    (4, 40, 20, 5, 12, 2),
    (33, 1, 16, 4, 8, 4),
]


def draw(batch, length, d_model, headdim, d_state, d_conv, *, dropout=0.0, scan="c"):
    """A layer whose norm is not the identity, and inputs off centre."""
    torch.manual_seed(length + d_model)
    block = BiMamba2(d_model, d_state=d_state, headdim=headdim, d_conv=d_conv, scan=scan)
    layer = ResidualBiMamba2(d_model, block, dropout)
    with torch.no_grad():
        layer.norm.weight.uniform_(0.5, 2.0)
        layer.norm.bias.normal_()
    return layer, 1.0 + 2.0 * torch.randn(batch, length, d_model)


def residual(*arguments, **options):
    return residual_bimamba(*arguments, **options, scan="c")


def unfused(layer, inputs, mask=1.0):
    return inputs + mask * layer.layer(layer.norm(inputs))


def gradients(layer, function, inputs, weight):
    leaf = inputs.clone().requires_grad_()
    output = function(leaf)
    return output, torch.autograd.grad((output * weight).sum(), [leaf, *layer.parameters()])


def assert_near(ours, theirs, tolerance=5e-6):
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= tolerance * other.abs().max()


@pytest.mark.parametrize("shape", SHAPES)
def test_output_and_every_gradient_are_those_of_the_separate_steps(shape):
    layer, inputs = draw(*shape)
    weight = torch.randn_like(inputs)
    ours, our_grads = gradients(layer, layer, inputs, weight)
    theirs, their_grads = gradients(layer, lambda x: unfused(layer, x), inputs, weight)
    assert_near([ours, *our_grads], [theirs, *their_grads])


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_the_chunked_form_in_float64_agrees(shape):
    layer, inputs = draw(*shape)
    reference, _ = draw(*shape, scan="chunked")
    reference.load_state_dict(layer.state_dict())
    assert_near([layer(inputs)], [reference.double()(inputs.double()).float()])


def test_inputs_with_gaps_in_memory_are_read_where_they_lie():
    layer, inputs = draw(*SHAPES[0])
    spaced = torch.randn(2 * len(inputs), *inputs.shape[1:])[::2].copy_(inputs)
    turned = inputs.transpose(1, 2).contiguous().transpose(1, 2)
    expected = layer(inputs)
    assert torch.equal(layer(spaced), expected)
    assert torch.equal(layer(turned), expected)


def test_as_many_threads_as_wanted_give_the_same_bits():
    layer, inputs = draw(*SHAPES[0], dropout=0.3)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            output, grads = gradients(layer, layer, inputs, torch.ones_like(inputs))
            found.append([output, *grads])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_dropout_drops_its_share_and_scales_the_rest():
    layer, inputs = draw(16, 200, 16, 4, 8, 4, dropout=0.2)
    with torch.no_grad():
        mask = (layer(inputs) - inputs) / layer.layer(layer.norm(inputs))
    kept = mask > 0.5
    assert kept.float().mean() == pytest.approx(0.8, abs=0.01)
    assert kept.float().mean((0, 1)).min() > 0.75  # no column is favoured
    assert mask[kept].median() == pytest.approx(1.25, rel=1e-4)
    assert mask[~kept].abs().max() == 0


def test_gradients_pass_through_the_mask_of_the_way_there():
    layer, inputs = draw(*SHAPES[0], dropout=0.2)
    weight = torch.randn_like(inputs)
    torch.manual_seed(1)
    ours, our_grads = gradients(layer, layer, inputs, weight)
    with torch.no_grad():
        mask = ((ours - inputs) / layer.layer(layer.norm(inputs)) > 0.5) * 1.25
    theirs, their_grads = gradients(layer, lambda x: unfused(layer, x, mask), inputs, weight)
    assert_near([ours, *our_grads], [theirs, *their_grads])


def test_the_generator_decides_the_mask_and_evaluation_has_none():
    layer, inputs = draw(*SHAPES[0], dropout=0.2)
    torch.manual_seed(2)
    first, second = layer(inputs), layer(inputs)
    torch.manual_seed(2)
    assert torch.equal(layer(inputs), first)
    assert not torch.equal(first, second)
    layer.eval()
    assert_near([layer(inputs)], [unfused(layer, inputs)])


@pytest.mark.parametrize("shape", SHAPES)
def test_bfloat16_rounds_rows_and_the_factors_of_products_only(shape):
    layer, inputs = draw(*shape)
    layer, inputs = layer.bfloat16(), inputs.bfloat16()
    weight = torch.randn_like(inputs)
    ours, our_grads = gradients(layer, layer, inputs, weight)
    assert all(tensor.dtype == torch.bfloat16 for tensor in (ours, *our_grads))
    layer, inputs, weight = layer.float(), inputs.float(), weight.float()
    theirs, their_grads = gradients(layer, layer, inputs, weight)
    assert_near(
        [tensor.float() for tensor in (ours, *our_grads)],
        [theirs, *their_grads],
        tolerance=2e-2,
    )


def test_a_gradient_that_nobody_gave_is_none():
    layer, inputs = draw(*SHAPES[0])

    class Ignored(torch.autograd.Function):
        @staticmethod
        def forward(ctx, values):
            return values.clone()

        @staticmethod
        def backward(ctx, gradient):
            return None

    leaf = inputs.requires_grad_()
    (Ignored.apply(layer(leaf)).sum() + 0 * leaf.sum()).backward()
    assert torch.equal(leaf.grad, torch.zeros_like(leaf))
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_torch_compile_sees_an_operator_with_known_shapes():
    layer, inputs = draw(*SHAPES[0])
    weights = [*layer.layer.forwards.weights(), *layer.layer.backwards.weights()]
    numbers = ([*weights, layer.norm.weight, layer.norm.bias], None, 1e-5, 1e-5, 0.0, True)
    arguments = [t.detach() for t in numbers[0]]
    real = torch.ops.brainbrr.residual_bimamba(inputs, arguments, *numbers[1:])
    meta = torch.ops.brainbrr.residual_bimamba(
        inputs.to("meta"), [t.to("meta") for t in arguments], *numbers[1:]
    )
    assert [t.shape for t in meta] == [t.shape for t in real]


def test_refusals():
    layer, inputs = draw(*SHAPES[0])
    forwards, backwards = (block.weights() for block in layer.layer.children())
    norm = nn.LayerNorm(16)
    both = (norm.weight, norm.bias)
    options = {"norm_eps": 1e-5, "eps": 1e-5}
    with pytest.raises(InvalidInput, match="in_proj"):
        residual(inputs[..., :8], forwards, backwards, *both, **options)
    with pytest.raises(InvalidInput, match=r"norm weight and bias \(16,\)"):
        residual(inputs, forwards, backwards, both[0][:8], both[1], **options)
    with pytest.raises(InvalidInput, match="0 <= dropout < 1"):
        residual(inputs, forwards, backwards, *both, **options, dropout=1.0)
    output = residual(inputs.requires_grad_(), forwards, backwards, *both, **options)
    with pytest.raises(InvalidInput, match="first derivatives"):
        torch.autograd.grad(output.sum(), inputs, create_graph=True)
