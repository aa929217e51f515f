"""Which form of an operator runs where, and what is refused."""

import logging
import warnings

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.kernels import ops, reference
from brainbrr.kernels.c import binding, operators
from brainbrr.kernels.c.binding import available
from brainbrr.models.mamba2 import Mamba2
from brainbrr.models.registry import load_model

needs_compiler = pytest.mark.skipif(not available(), reason="no C compiler on this machine")


@pytest.fixture(autouse=True)
def fresh():
    ops._fastest_form.cache_clear()
    yield
    ops._fastest_form.cache_clear()


def draw(dtype=torch.float32):
    """A direction of Mamba-2 and its input."""
    torch.manual_seed(0)
    block = Mamba2(16, d_state=8, headdim=4).to(dtype)
    return torch.randn(2, 50, 16, dtype=dtype), block.weights()


def plain(inputs, weights, scan=reference.chunked):
    steps = reference.mamba2_block
    return steps(inputs, weights, eps=1e-5, scan=scan, convolve=reference.convolve)


def count(monkeypatch, name):
    """Calls of an operator in C."""
    calls, run = [], getattr(operators, name)

    def counted(*arguments, **options):
        calls.append(name)
        return run(*arguments, **options)

    monkeypatch.setattr(operators, name, counted)
    return calls


def test_unknown_form_is_refused():
    with pytest.raises(InvalidOption, match="one of auto, reference, chunked.*got 'fast'"):
        ops.select_scan("fast")


@pytest.mark.parametrize("form", ["c", "mamba_ssm"])
def test_what_cannot_run_is_refused_and_not_replaced(form, monkeypatch):
    monkeypatch.setattr(ops, "_runs_here", lambda form: False)
    with pytest.raises(Unavailable, match=f"model.scan={form}.*model.scan=auto"):
        ops.select_scan(form)


def test_auto_takes_the_compiled_scan_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(binding, "available", lambda: True)
    monkeypatch.setattr(operators, "block", lambda inputs, *_, **__: inputs + 1)
    inputs, weights = draw()
    with caplog.at_level(logging.INFO, logger="brainbrr.kernels.ops"):
        assert torch.equal(ops.mamba2(inputs, weights, eps=1e-5), inputs + 1)
        assert torch.equal(ops.mamba2(inputs, weights, eps=1e-5), inputs + 1)
    assert [record.getMessage() for record in caplog.records] == ["selective scan on cpu: c"]


def test_auto_serves_where_there_is_no_compiler(monkeypatch):
    monkeypatch.setattr(binding, "available", lambda: False)
    inputs, weights = draw()
    assert torch.equal(ops.mamba2(inputs, weights, eps=1e-5), plain(inputs, weights))


def test_a_gpu_without_its_kernels_warns_once_with_the_remedy(monkeypatch, caplog):
    monkeypatch.setattr(ops, "_runs_here", lambda form: form == "chunked")
    assert [ops._fastest_form("cuda") for _ in range(2)] == ["chunked", "chunked"]
    (warning,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "several times slower" in warning.getMessage()
    assert 'pip install "brainbrr[gpu]"' in warning.getMessage()


def test_auto_in_double_precision_is_chunked(monkeypatch):
    calls = count(monkeypatch, "block")
    inputs, weights = draw(torch.float64)
    assert torch.equal(ops.mamba2(inputs, weights, eps=1e-5), plain(inputs, weights))
    assert calls == []


def test_a_form_may_be_a_function():
    inputs, weights = draw()
    seen = []

    def counted(x, *others):
        seen.append(x.shape)
        return x, x

    out = ops.mamba2(inputs, weights, eps=1e-5, scan=counted)
    assert seen == [(2, 50, 8, 4)] and torch.equal(out, plain(inputs, weights, counted))


def test_the_reverse_direction_is_the_forward_one_of_the_flipped_input():
    inputs, weights = draw()
    back = ops.mamba2(inputs, weights, eps=1e-5, reverse=True, scan="chunked")
    assert torch.equal(back.flip(1), plain(inputs.flip(1), weights))


@needs_compiler
@pytest.mark.parametrize("name", ["norm", "edge_embedding"])
def test_who_counts_operations_sees_those_of_plain_torch(name, monkeypatch):
    calls, weight = count(monkeypatch, name), torch.ones(16)
    values = torch.ones(1, 16, 8)
    with FlopCounterMode(display=False) as counter:
        if name == "norm":
            ops.norm(values, weight, weight, floor=1.0, activate=True)
        else:
            ops.edge_embedding(values, weight[:, None], weight, scale=1.0)
    # One multiplication and one addition for each of 128 numbers and 16 features.
    assert counter.get_total_flops() == (0 if name == "norm" else 2 * 128 * 16)
    assert calls == []


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_plain_forms_serve_every_device(device, monkeypatch):
    monkeypatch.setattr(binding, "available", lambda: False)
    model = load_model("v3_tiny", scan="auto", eigensolver="jacobi").to(device).eval()
    norm = model.front.encoder.norm
    signal = torch.randn(2, norm.weight.shape[0], 96, device=device)
    assert norm(signal).device.type == device
    weights, observed = torch.rand(2, 171, 4, device=device), torch.ones(2, 19, device=device)
    assert ops.strongest_edges(weights, observed.bool(), 3).shape == (2, 4, 19, 19)
    bias = torch.zeros(8, device=device)
    rows = ops.edge_embedding(weights, bias[:, None], bias, scale=1)
    layer = model.edges.stream.layers[0]
    assert rows.shape == (2, 171, 4, 8)
    sequences = torch.randn(3, 5, layer.norm.weight.shape[0], device=device)
    assert layer(sequences).shape == sequences.shape


@needs_compiler
@pytest.mark.parametrize("name", ["norm", "dropout", "edge_embedding"])
def test_a_tracer_sees_plain_torch(name, monkeypatch):
    calls, weight = count(monkeypatch, name), torch.ones(16)
    functions = {
        "norm": lambda x: ops.norm(x, weight, weight, floor=1.0, activate=True),
        "dropout": lambda x: ops.dropout(x, 0.5, True),
        "edge_embedding": lambda x: ops.edge_embedding(x, weight[:, None], weight, scale=1.0),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(functions[name], torch.ones(1, 16, 8), check_trace=False)
    assert calls == [] and "brainbrr::" not in str(traced.inlined_graph)


@needs_compiler
@pytest.mark.parametrize("form", [torch.float32, torch.bfloat16, torch.float64])
def test_the_layer_is_one_operator_for_what_c_takes(form):
    layer = load_model("v3_tiny", scan="auto").edges.stream.layers[0]
    weights = layer.layer.forwards.weights()
    inputs = torch.zeros(1, 4, layer.norm.weight.shape[0], dtype=form)
    expected = None if form == torch.float64 else "c"
    assert ops._residual_kernel(inputs, weights, "auto") == expected
    assert ops._residual_kernel(inputs.to("meta"), weights, "auto") is None
    assert ops._residual_kernel(inputs, weights, "chunked") is None
