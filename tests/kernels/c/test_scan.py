"""The C scan against a float64 recurrence written here: values, gradients, bad numbers."""

import pytest
import torch
from torch import Tensor

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c import operators
from brainbrr.kernels.c.binding import available

pytestmark = pytest.mark.skipif(not available(), reason="no C compiler on this machine")

NAMES = ("x", "dt", "A", "B", "C", "D", "initial_state")
# batch, length, heads, headdim, d_state: around tiles of 32, vectors of 4 to 16, slices of 8.
SHAPES = [
    (1, 1, 1, 2, 8),
    (2, 7, 2, 2, 8),
    (1, 32, 4, 4, 8),
    (3, 33, 8, 4, 8),
    (2, 65, 16, 8, 16),
    (2, 31, 3, 5, 12),
    (1, 40, 2, 64, 64),
    (171, 5, 8, 4, 8),
    (2, 961, 2, 16, 8),
    (1, 960, 16, 8, 8),
]


def recurrence(x, dt, A, B, C, D, initial_state):
    state, frames = initial_state, []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t] * A)[:, :, None, None]
        pushed = torch.einsum("bh,bhp,bn->bhpn", dt[:, t], x[:, t], B[:, t, 0])
        state = decay * state + pushed
        frames.append(torch.einsum("bhpn,bn->bhp", state, C[:, t, 0]) + D[:, None] * x[:, t])
    return torch.stack(frames, dim=1), state


def draw(batch, length, heads, headdim, d_state, seed=0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    return [
        normal(batch, length, heads, headdim),
        torch.nn.functional.softplus(normal(batch, length, heads) - 2),
        -(0.1 + 4 * torch.rand(heads, generator=generator)),
        normal(batch, length, 1, d_state),
        normal(batch, length, 1, d_state),
        normal(heads),
        normal(batch, heads, headdim, d_state),
    ]


def gradients(function, arguments, weights):
    """Outputs and gradients of a weighted sum of both outputs."""
    leaves = [a.clone().requires_grad_() for a in arguments]
    outputs = function(*leaves)
    total = sum((out * w.to(out.dtype)).sum() for out, w in zip(outputs, weights, strict=True))
    return outputs, torch.autograd.grad(total, leaves)


def assert_near(got: Tensor, wanted: Tensor, relative: float, what: str) -> None:
    error = (got.double() - wanted).abs().max() / wanted.abs().max()
    assert error < relative, f"{what}: {error:.1e}"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_equal_the_recurrence(shape):
    arguments = draw(*shape)
    weights = [torch.randn(arguments[0].shape), torch.randn(arguments[6].shape)]
    outputs, grads = gradients(operators.scan, arguments, weights)
    wanted, wanted_grads = gradients(recurrence, [a.double() for a in arguments], weights)
    assert_near(outputs[0], wanted[0], 2e-6, "y")
    assert_near(outputs[1], wanted[1], 2e-6, "final state")
    for name, got, want in zip(NAMES, grads, wanted_grads, strict=True):
        # Sums over thousands of frames in float32, so a looser bound than the values'.
        assert_near(got, want, 1e-5, name)


def test_no_initial_state_is_a_state_of_zeros():
    *arguments, initial = draw(70, 40, 2, 4, 8)  # more sequences than groups: memory is reused
    initial.zero_()
    upstream = [torch.randn(70, 40, 2, 4)]
    got = gradients(lambda *a: operators.scan(*a)[:1], arguments, upstream)
    wanted = gradients(lambda *a: operators.scan(*a, initial)[:1], arguments, upstream)
    for value, want in zip((*got[0], *got[1]), (*wanted[0], *wanted[1]), strict=True):
        assert torch.equal(value, want)
    alone = operators.scan(*(a[40:41] if a.ndim > 1 else a for a in arguments))[0]
    assert torch.equal(got[0][0][40:41], alone)


def test_two_halves_joined_by_the_state_equal_the_whole():
    *arguments, initial = draw(2, 90, 4, 4, 8)
    first = [a[:, :50] if a.ndim > 1 else a for a in arguments]
    second = [a[:, 50:] if a.ndim > 1 else a for a in arguments]
    y, final = operators.scan(*arguments, initial)
    y_first, middle = operators.scan(*first, initial)
    y_second, end = operators.scan(*second, middle)
    torch.testing.assert_close(torch.cat([y_first, y_second], dim=1), y, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(end, final, rtol=1e-5, atol=1e-5)


def test_only_the_final_state_is_used():
    arguments = [a.requires_grad_() for a in draw(2, 40, 2, 4, 8)]
    operators.scan(*arguments)[1].sum().backward()
    doubled = [a.detach().double().requires_grad_() for a in arguments]
    recurrence(*doubled)[1].sum().backward()
    for name, got, want in zip(NAMES, arguments, doubled, strict=True):
        if name in {"C", "D"}:  # the state does not know them
            assert not got.grad.any()
        else:
            assert_near(got.grad, want.grad, 1e-5, name)


def test_views_give_what_copies_give():
    """x, B and C as slices of one tensor, also as a convolution over channels leaves them."""
    x, dt, A, B, C, D, initial = draw(3, 70, 4, 4, 8)
    joined = torch.cat([x.flatten(2), B.flatten(2), C.flatten(2)], dim=-1)
    flat = joined.transpose(1, 2).contiguous().transpose(1, 2)
    views = flat[..., :16].unflatten(-1, (4, 4)), flat[..., None, 16:24], flat[..., None, 24:]
    sliced = (
        joined[..., :16].unflatten(-1, (4, 4)),
        joined[..., None, 16:24],
        joined[..., None, 24:],
    )
    wanted = operators.scan(x, dt, A, B, C, D, initial)
    for x_view, B_view, C_view in (views, sliced):
        got = operators.scan(
            x_view, dt.transpose(0, 1).contiguous().transpose(0, 1), A, B_view, C_view, D, initial
        )
        assert torch.equal(got[0], wanted[0])
        assert torch.equal(got[1], wanted[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    arguments = [a.to(dtype) for a in draw(2, 60, 4, 4, 8)]
    leaves = [a.requires_grad_() for a in arguments]
    y, final = operators.scan(*leaves)
    wanted, wanted_final = operators.scan(*(a.detach().float() for a in arguments))
    assert y.dtype is dtype
    assert final.dtype is torch.float32
    assert torch.equal(y, wanted.to(dtype))
    assert torch.equal(final, wanted_final)
    y.float().sum().backward()
    assert all(leaf.grad.dtype is dtype for leaf in leaves)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["x", "dt", "B", "C"])
def test_a_bad_number_is_not_hidden_and_does_not_reach_the_past_or_other_sequences(name, bad):
    arguments = draw(2, 70, 4, 4, 8)
    clean, _ = operators.scan(*arguments)
    arguments[NAMES.index(name)].view(2, 70, -1)[1, 40, 3] = bad
    y, final = operators.scan(*arguments)
    assert not torch.isfinite(y[1, 40]).all()
    assert torch.equal(y[0], clean[0])
    assert torch.equal(y[1, :40], clean[1, :40])
    if name != "C":  # C is not kept in the state
        assert not torch.isfinite(final[1]).all()


def test_a_nan_gradient_comes_back_as_nan():
    arguments = [a.requires_grad_() for a in draw(2, 40, 2, 4, 8)]
    y, _ = operators.scan(*arguments)
    upstream = torch.ones_like(y)
    upstream[1, 20] = float("nan")
    y.backward(upstream)
    assert arguments[0].grad[1, :21].isnan().all()
    assert not arguments[0].grad[1, 21:].isnan().any()
    assert not arguments[0].grad[0].isnan().any()
    assert arguments[2].grad.isnan().all()


def test_any_number_of_threads_gives_the_same_bits():
    arguments = draw(37, 50, 4, 4, 8)
    weights = [torch.randn(arguments[0].shape), torch.randn(arguments[6].shape)]
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(gradients(operators.scan, arguments, weights))
    finally:
        torch.set_num_threads(before)
    for outputs, grads in results[1:]:
        for got, want in zip((*outputs, *grads), (*results[0][0], *results[0][1]), strict=True):
            assert torch.equal(got, want)


@pytest.mark.parametrize("batch, length", [(0, 5), (2, 0)])
def test_nothing_in_is_nothing_out(batch, length):
    arguments = [a.requires_grad_() for a in draw(batch, length, 2, 4, 8)]
    y, final = operators.scan(*arguments)
    assert y.shape == (batch, length, 2, 4)
    assert torch.equal(final, arguments[6])
    (y.sum() + final.sum()).backward()
    assert torch.equal(arguments[6].grad, torch.ones_like(arguments[6]))


def test_strong_decay_forgets_without_overflow():
    arguments = draw(1, 40, 2, 4, 8)
    arguments[1].fill_(1e4)
    arguments[2].fill_(-1e4)
    y, final = operators.scan(*arguments)
    wanted, wanted_final = recurrence(*(a.double() for a in arguments))
    assert_near(y, wanted, 1e-6, "y")
    assert_near(final, wanted_final, 1e-6, "final state")


def test_second_derivatives_are_refused():
    arguments = [a.requires_grad_() for a in draw(1, 5, 1, 2, 8)]
    total = operators.scan(*arguments)[0].sum()
    with pytest.raises(InvalidInput, match="first derivatives"):
        torch.autograd.grad(total, arguments[0], create_graph=True)


@pytest.mark.parametrize(
    "name, change, match",
    [
        ("dt", lambda t: t[:, :-1], "dt \\(2, 5, 2\\)"),
        ("A", lambda t: t[:1], "A \\(2,\\)"),
        ("B", lambda t: t.expand(2, 5, 2, 8), "groups must be 1"),
        ("C", lambda t: t[..., :4], "C \\(2, 5, 1, 8\\)"),
        ("D", lambda t: t[:, None], "D \\(2,\\)"),
        ("initial_state", lambda t: t[:1], "initial_state"),
        ("x", lambda t: t[0], "four axes"),
        ("x", Tensor.double, "float64"),
        ("x", lambda t: t.to("meta"), "meta"),
    ],
)
def test_unfit_tensors_are_refused(name, change, match):
    arguments = draw(2, 5, 2, 4, 8)
    arguments[NAMES.index(name)] = change(arguments[NAMES.index(name)])
    with pytest.raises(InvalidInput, match=match):
        operators.scan(*arguments)
