"""The plain scans: states, precision, padding."""

import pytest
import torch

from brainbrr.kernels.reference import chunked, recurrence


def draw(length=50, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, length, 8, 4, generator=generator, dtype=dtype)
    dt = torch.rand(2, length, 8, generator=generator, dtype=dtype) * 0.2
    A = -torch.rand(8, generator=generator) * 15 - 1
    B, C = torch.randn(2, 2, length, 1, 8, generator=generator, dtype=dtype)
    return x, dt, A, B, C, torch.ones(8)


@pytest.mark.parametrize("scan", [recurrence, chunked])
@pytest.mark.parametrize("cut", [1, 16, 33])
def test_final_state_continues_where_a_recording_was_cut(scan, cut):
    x, dt, A, B, C, D = draw()
    whole, end = scan(x, dt, A, B, C, D)
    first, state = scan(x[:, :cut], dt[:, :cut], A, B[:, :cut], C[:, :cut], D)
    second, last = scan(x[:, cut:], dt[:, cut:], A, B[:, cut:], C[:, cut:], D, state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, end, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scan", [recurrence, chunked])
def test_half_precision_keeps_its_state_in_float32(scan):
    x, dt, A, B, C, D = draw(dtype=torch.bfloat16)
    y, state = scan(x, dt, A, B, C, D)
    exact, _ = recurrence(*(tensor.double() for tensor in (x, dt, A, B, C, D)))
    assert (y.dtype, state.dtype) == (torch.bfloat16, torch.float32)
    # One rounding to bfloat16 at the end, 2**-8, and none in between.
    torch.testing.assert_close(y.double(), exact, rtol=2**-8, atol=1e-4)


def test_autocast_does_not_reach_the_recurrence():
    inputs = draw()
    plain, _ = chunked(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = chunked(*inputs)
    assert torch.equal(plain, cast)


def test_padding_to_whole_chunks_gives_no_gradient_away():
    x, dt, A, B, C, D = draw(length=17)
    x.requires_grad_()
    chunked(x, dt, A, B, C, D)[0].sum().backward()
    assert (x.grad != 0).all()
