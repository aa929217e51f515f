"""The scan against a float64 recurrence in numpy with its adjoint written out by hand."""

from typing import Any

import numpy as np
import pytest
import torch

from brainbrr.kernels.reference import chunked
from brainbrr.kernels.reference import recurrence as reference

NAMES = ("x", "dt", "A", "B", "C", "D", "state")


def recurrence(x, dt, A, B, C, D, state, dy, dfinal):
    """Outputs, final state and the gradients of all seven inputs, step by step in float64."""
    length = x.shape[1]
    states = [state]
    y = np.empty_like(x)
    for t in range(length):
        decay = np.exp(dt[:, t] * A)
        fed = np.einsum("bh,bhp,bn->bhpn", dt[:, t], x[:, t], B[:, t, 0])
        states.append(decay[:, :, None, None] * states[-1] + fed)
        y[:, t] = np.einsum("bhpn,bn->bhp", states[-1], C[:, t, 0]) + D[:, None] * x[:, t]
    grads = {
        name: np.zeros_like(value)
        for name, value in zip(NAMES[:6], (x, dt, A, B, C, D), strict=True)
    }
    later = dfinal.copy()
    for t in reversed(range(length)):
        decay = np.exp(dt[:, t] * A)
        grads["D"] += np.einsum("bhp,bhp->h", dy[:, t], x[:, t])
        grads["C"][:, t, 0] = np.einsum("bhp,bhpn->bn", dy[:, t], states[t + 1])
        later = later + np.einsum("bhp,bn->bhpn", dy[:, t], C[:, t, 0])
        through = np.einsum("bhpn,bn->bhp", later, B[:, t, 0])
        grads["x"][:, t] = D[:, None] * dy[:, t] + dt[:, t, :, None] * through
        grads["B"][:, t, 0] = np.einsum("bhpn,bh,bhp->bn", later, dt[:, t], x[:, t])
        d_decay = np.einsum("bhpn,bhpn->bh", later, states[t]) * decay
        grads["dt"][:, t] = A * d_decay + np.einsum("bhp,bhp->bh", through, x[:, t])
        grads["A"] += (dt[:, t] * d_decay).sum(0)
        later = decay[:, :, None, None] * later
    return y, states[-1], {**grads, "state": later}


def draw(batch, length, heads, headdim, d_state, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.standard_normal((batch, length, heads, headdim)),
        "dt": np.exp(rng.uniform(np.log(1e-3), np.log(0.3), (batch, length, heads))),
        "A": -rng.uniform(1, 16, heads),
        "B": rng.standard_normal((batch, length, 1, d_state)),
        "C": rng.standard_normal((batch, length, 1, d_state)),
        "D": rng.standard_normal(heads),
        "state": rng.standard_normal((batch, heads, headdim, d_state)),
    }


def compare(scan: Any, inputs: dict[str, np.ndarray], dtype: torch.dtype) -> dict[str, float]:
    """Largest difference of each output and gradient, relative to the oracle's largest value."""
    rng = np.random.default_rng(1)
    dy, dfinal = rng.standard_normal(inputs["x"].shape), rng.standard_normal(inputs["state"].shape)
    y, final, grads = recurrence(*inputs.values(), dy, dfinal)
    tensors = [torch.tensor(value, dtype=dtype, requires_grad=True) for value in inputs.values()]
    got_y, got_final = scan(*tensors)
    loss = (got_y * torch.tensor(dy)).sum() + (got_final * torch.tensor(dfinal)).sum()
    got_grads = torch.autograd.grad(loss, tensors)
    pairs = {"y": (got_y, y), "final": (got_final, final)}
    pairs |= {name: (got, grads[name]) for name, got in zip(NAMES, got_grads, strict=True)}
    return {
        name: float(np.abs(got.detach().double().numpy() - want).max() / np.abs(want).max())
        for name, (got, want) in pairs.items()
    }


SHAPES = [
    (1, 1, 8, 4, 8),
    (2, 16, 8, 4, 8),
    (1, 37, 8, 8, 16),
    (3, 100, 8, 1, 4),
    (2, 129, 16, 2, 64),
    (171, 33, 8, 4, 8),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scan", [reference, chunked])
def test_double_precision_equals_the_recurrence(scan, shape):
    errors = compare(scan, draw(*shape), torch.float64)
    assert max(errors.values()) < 1e-12, errors


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scan", [reference, chunked])
def test_single_precision_is_as_near_as_its_rounding(scan, shape):
    # float32 keeps 1.2e-7; sums of up to a few thousand products lose two digits of it.
    errors = compare(scan, draw(*shape), torch.float32)
    assert max(errors.values()) < 2e-5, errors


@pytest.mark.parametrize("chunk", [1, 8, 16, 64, 256])
def test_the_chunk_changes_nothing(chunk):
    errors = compare(
        lambda *tensors: chunked(*tensors, chunk=chunk), draw(2, 150, 8, 4, 8), torch.float64
    )
    assert max(errors.values()) < 1e-12, errors


def test_longer_than_one_join_of_chunks():
    errors = compare(
        lambda *tensors: chunked(*tensors, chunk=2), draw(1, 300, 8, 2, 4), torch.float64
    )
    assert max(errors.values()) < 1e-12, errors


@pytest.mark.parametrize("scan", [reference, chunked])
def test_large_steps_neither_overflow_nor_lose_the_answer(scan):
    inputs = draw(2, 64, 8, 4, 8)
    inputs["dt"] *= 300.0
    errors = compare(scan, inputs, torch.float32)
    # Gradients of steps whose decay is exp(-1000) are of the order of rounding themselves.
    assert max(errors[name] for name in ("y", "final", "x", "B", "C", "D")) < 1e-4, errors
