"""The fused block against the same steps in float64 torch, with a plain recurrence for the scan."""

import pytest
import torch
import torch.nn.functional as F

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c import operators
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.reference import BlockWeights

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")

# batch, length, d_model, heads, headdim, d_state, d_conv
SHAPES = [
    (1, 2, 4, 4, 2, 8, 2),
    (2, 70, 16, 8, 4, 8, 4),
    (3, 33, 8, 3, 5, 12, 3),
    (2, 65, 64, 16, 8, 16, 4),
    (1, 64, 17, 1, 64, 64, 4),
    (171, 5, 16, 8, 4, 8, 4),
    (1, 960, 16, 2, 16, 8, 2),
    (2, 7, 8, 2, 2, 8, 4),
    (2, 31, 12, 3, 5, 12, 4),
    (1, 32, 16, 4, 4, 8, 4),
    (1, 40, 16, 2, 64, 64, 4),
    (2, 961, 8, 2, 16, 8, 4),
]


def draw(batch, length, d_model, heads, headdim, d_state, d_conv):
    """A block's input and weights at the size a trained one has."""
    generator = torch.Generator().manual_seed(length + d_model)
    d_inner = heads * headdim
    conv_dim = d_inner + 2 * d_state

    def normal(*shape, scale=1.0):
        return scale * torch.randn(*shape, generator=generator)

    weights = BlockWeights(
        in_proj=normal(d_inner + conv_dim + heads, d_model, scale=d_model**-0.5),
        conv_weight=normal(conv_dim, 1, d_conv, scale=0.5),
        conv_bias=normal(conv_dim, scale=0.1),
        dt_bias=normal(heads) - 2,
        A=-(0.1 + 4 * torch.rand(heads, generator=generator)),
        D=normal(heads),
        norm_weight=1 + normal(d_inner, scale=0.1),
        out_proj=normal(d_model, d_inner, scale=d_inner**-0.5),
    )
    return normal(batch, length, d_model), weights


def recurrence(x, dt, A, B, C, D):
    state, frames = 0, []
    for t in range(x.shape[1]):
        pushed = torch.einsum("bh,bhp,bn->bhpn", dt[:, t], x[:, t], B[:, t])
        state = torch.exp(dt[:, t] * A)[:, :, None, None] * state + pushed
        frames.append(torch.einsum("bhpn,bn->bhp", state, C[:, t]) + D[:, None] * x[:, t])
    return torch.stack(frames, dim=1)


def reference(inputs, weights, *, eps=1e-5, reverse=False):
    d_inner, heads = len(weights.norm_weight), len(weights.A)
    conv_dim, _, d_conv = weights.conv_weight.shape
    d_state = (conv_dim - d_inner) // 2
    rows = inputs.flip(1) if reverse else inputs
    rows = rows @ weights.in_proj.T
    z, mixed, dt = rows.split([d_inner, conv_dim, heads], dim=-1)
    padded = F.pad(mixed.transpose(1, 2), (d_conv - 1, 0))
    mixed = F.conv1d(padded, weights.conv_weight, weights.conv_bias, groups=conv_dim)
    x, B, C = F.silu(mixed.transpose(1, 2)).split([d_inner, d_state, d_state], dim=-1)
    x = x.unflatten(-1, (heads, -1))
    y = recurrence(x, F.softplus(dt + weights.dt_bias), weights.A, B, C, weights.D).flatten(2)
    y = y * F.silu(z)
    y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * weights.norm_weight
    y = y @ weights.out_proj.T
    return y.flip(1) if reverse else y


def with_gradients(function, inputs, weights, upstream, **options):
    leaves = [t.clone().requires_grad_() for t in (inputs, *weights)]
    output = function(leaves[0], BlockWeights(*leaves[1:]), **options)
    return [output, *torch.autograd.grad(output, leaves, upstream.to(output.dtype))]


def double(weights):
    return BlockWeights(*(w.double() for w in weights))


def assert_all_near(got, wanted, relative):
    for i, (value, want) in enumerate(zip(got, wanted, strict=True)):
        error = (value.double() - want).abs().max() / want.abs().max()
        assert error < relative, f"output or gradient {i}: {error:.1e}"


@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_equal_the_steps(shape, reverse):
    inputs, weights = draw(*shape)
    output = operators.block(inputs, weights, reverse=reverse)
    upstream = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    got = with_gradients(operators.block, inputs, weights, upstream, reverse=reverse)
    wanted = with_gradients(reference, inputs.double(), double(weights), upstream, reverse=reverse)
    assert torch.equal(got[0], output)  # with and without keeping states for the backward pass
    assert_all_near(got[:1], wanted[:1], 2e-6)
    # Long sums in float32, and the norm takes a difference of like numbers.
    assert_all_near(got[1:], wanted[1:], 2e-5)


def test_epsilon_counts():
    inputs, weights = draw(2, 20, 8, 2, 4, 8, 4)
    upstream = torch.ones(2, 20, 8)
    got = with_gradients(operators.block, inputs, weights, upstream, eps=0.5)
    assert_all_near(
        got, with_gradients(reference, inputs.double(), double(weights), upstream, eps=0.5), 1e-5
    )


def test_large_and_tiny_steps_keep_their_relative_precision():
    """softplus far out on both sides, where exp overflows or 1 + exp rounds to 1."""
    inputs, weights = draw(2, 40, 8, 8, 4, 8, 4)
    weights = weights._replace(dt_bias=torch.tensor([-100.0, -60, -20, -10, 10, 20, 60, 100]))
    upstream = torch.ones(2, 40, 8)
    got = with_gradients(operators.block, inputs, weights, upstream)
    assert_all_near(
        got, with_gradients(reference, inputs.double(), double(weights), upstream), 1e-5
    )


def test_time_first_views_are_read_in_place_or_copied():
    inputs, weights = draw(3, 40, 16, 4, 8, 8, 4)
    wanted = operators.block(inputs, weights)
    time_first = inputs.transpose(0, 1).contiguous().transpose(0, 1)
    channels_first = inputs.transpose(1, 2).contiguous().transpose(1, 2)
    part = torch.cat([inputs, inputs], dim=-1)[..., 16:]
    for view in (time_first, channels_first, part):
        assert torch.equal(operators.block(view, weights), wanted)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_number_stays_in_its_sequence_and_out_of_the_past(bad):
    inputs, weights = draw(40, 70, 8, 3, 5, 12, 4)  # two sequences a group
    clean = with_gradients(operators.block, inputs, weights, operators.block(inputs, weights))
    inputs[20, 40, 0] = bad
    upstream = clean[0].clone()
    output, d_input, *grads = with_gradients(operators.block, inputs, weights, upstream)
    others = torch.arange(40) != 20
    assert not output[20, 40:].isfinite().all()
    assert torch.equal(output[others], clean[0][others])
    assert torch.equal(output[20, :40], clean[0][20, :40])
    assert torch.equal(d_input[others], clean[1][others])
    assert not d_input[20].isfinite().all()
    assert not all(grad.isfinite().all() for grad in grads)


def test_a_nan_gradient_comes_back_as_nan():
    inputs, weights = draw(2, 40, 8, 2, 4, 8, 4)
    upstream = torch.ones(2, 40, 8)
    upstream[1, 20] = float("nan")
    _, d_input, *grads = with_gradients(operators.block, inputs, weights, upstream)
    assert d_input[1, :21].isnan().all()
    assert not d_input[1, 21:].isnan().any()
    assert not d_input[0].isnan().any()
    assert all(grad.isnan().any() for grad in grads)


def test_strong_decay_forgets_without_overflow():
    inputs, weights = draw(1, 40, 8, 2, 4, 8, 4)
    weights = weights._replace(dt_bias=torch.full((2,), 1e4), A=torch.full((2,), -1e4))
    got, wanted = operators.block(inputs, weights), reference(inputs.double(), double(weights))
    assert_all_near([got], [wanted], 2e-6)


def test_any_number_of_threads_gives_the_same_bits():
    inputs, weights = draw(37, 50, 16, 8, 4, 8, 4)
    upstream = torch.randn(37, 50, 16)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(with_gradients(operators.block, inputs, weights, upstream))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_half_precision_is_computed_in_float32():
    inputs, weights = draw(2, 40, 8, 2, 4, 8, 4)
    halves = BlockWeights(*(w.bfloat16().requires_grad_() for w in weights))
    output = operators.block(inputs.bfloat16(), halves)
    floats = BlockWeights(*(w.detach().float() for w in halves))
    assert torch.equal(output, operators.block(inputs.bfloat16().float(), floats).bfloat16())
    output.sum().backward()
    assert all(w.grad.dtype is torch.bfloat16 for w in halves)


@pytest.mark.parametrize("batch, length", [(0, 5), (2, 0)])
def test_nothing_in_is_nothing_out(batch, length):
    inputs, weights = draw(batch, length, 8, 2, 4, 8, 4)
    leaves = BlockWeights(*(w.requires_grad_() for w in weights))
    output = operators.block(inputs, leaves)
    assert output.shape == (batch, length, 8)
    output.sum().backward()
    assert not any(w.grad.any() for w in leaves)


def test_frozen_weights_and_frozen_input():
    inputs, weights = draw(2, 40, 8, 2, 4, 8, 4)
    operators.block(inputs.requires_grad_(), weights).sum().backward()
    full = with_gradients(operators.block, inputs.detach(), weights, torch.ones(2, 40, 8))
    assert torch.equal(inputs.grad, full[1])


def test_second_derivatives_are_refused():
    inputs, weights = draw(1, 5, 8, 2, 4, 8, 4)
    total = operators.block(inputs.requires_grad_(), weights).sum()
    with pytest.raises(InvalidInput, match="first derivatives"):
        torch.autograd.grad(total, inputs, create_graph=True)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"out_proj": torch.zeros(8, 3)}, r"out_proj \(8, 8\)"),
        ({"in_proj": torch.zeros(3, 8)}, r"in_proj \(34, 8\)"),
        ({"conv_weight": torch.zeros(24, 1, 5)}, r"d_conv in \(2, 3, 4\).*d_conv 5"),
        ({"conv_bias": torch.zeros(8)}, r"conv_bias \(24,\)"),
        ({"norm_weight": torch.zeros(8, dtype=torch.float64)}, "float64"),
        ({"D": torch.zeros(2, device="meta")}, "meta"),
    ],
)
def test_unfit_weights_are_refused(change, match):
    inputs, weights = draw(1, 5, 8, 2, 4, 8, 4)
    with pytest.raises(InvalidInput, match=match):
        operators.block(inputs, weights._replace(**change))


def test_unfit_inputs_are_refused():
    inputs, weights = draw(1, 5, 8, 2, 4, 8, 4)
    with pytest.raises(InvalidInput, match=r"in_proj \(34, 7\)"):
        operators.block(inputs[..., :-1], weights)
    with pytest.raises(InvalidInput, match=r"inputs \(batch, length, d_model\)"):
        operators.block(inputs[0], weights)
