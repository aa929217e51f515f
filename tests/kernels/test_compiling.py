"""What torch.compile keeps of the model, and what torch.export may not."""

import contextlib
import logging

import pytest
import torch
from torch import nn

from brainbrr.kernels import graph_operators, jacobi
from brainbrr.kernels.c.binding import available
from brainbrr.kernels.tracing import TELLS_EXPORT
from brainbrr.models.mamba2 import BiMamba2
from brainbrr.models.registry import load_model
from brainbrr.models.sequence import ResidualBiMamba2

needs_compiler = pytest.mark.skipif(not available(), reason="no C compiler on this machine")
tells_export = pytest.mark.skipif(
    not TELLS_EXPORT, reason="this torch does not tell an export from torch.compile"
)


@pytest.fixture(autouse=True)
def fresh():
    torch.compiler.reset()
    graph_operators._c_in_graph.cache_clear()


class Graphs:
    """A backend that runs what it is given and remembers the operators in it."""

    def __init__(self):
        self.operators = []

    def __call__(self, graph, _):
        self.operators.append([str(node.target) for node in graph.graph.nodes])
        return graph

    def n_fused(self):
        return [
            sum("brainbrr.residual_bimamba" in name for name in graph) for graph in self.operators
        ]


def draw(*, dropout=0.0, scan="auto"):
    torch.manual_seed(0)
    return ResidualBiMamba2(16, BiMamba2(16, d_state=8, headdim=4, scan=scan), dropout)


def learn(layer, run, inputs, *, half=False):
    """The output and all gradients, with the generator at a known place."""
    leaf = inputs.clone().requires_grad_()
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
        output = run(leaf)
    return [output, *torch.autograd.grad(output.square().sum(), [leaf, *layer.parameters()])]


@needs_compiler
@tells_export
def test_a_compiled_model_keeps_the_fused_layers_and_says_so_once(caplog):
    model, graphs = load_model("v3_tiny").eval(), Graphs()
    compiled = torch.compile(model, backend=graphs, fullgraph=True)
    eeg = torch.randn(1, 19, 160)
    with caplog.at_level(logging.INFO, logger="brainbrr.kernels.graph_operators"):
        # The eigensolver and the norms are torch's there, and C's here.
        torch.testing.assert_close(compiled(eeg), model(eeg), atol=5e-4, rtol=0)
    assert graphs.n_fused() == [2]
    said = [record.getMessage() for record in caplog.records]
    assert said.count("torch.compile on cpu: C kernels") == 1


@needs_compiler
@tells_export
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bf16"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_outputs_gradients_and_masks_are_those_of_the_layer_itself(dropout, half):
    layer = draw(dropout=dropout)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    # The second size opens the batch axis, the third meets it open.
    for batch in (6, 5, 4):
        inputs = torch.randn(batch, 40, 16)
        ours, theirs = (learn(layer, run, inputs, half=half) for run in (compiled, layer))
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@needs_compiler
@tells_export
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_generated_code_draws_a_mask_each_time_and_finds_it_in_the_backward_pass():
    layer, inputs = draw(dropout=0.5), torch.randn(6, 40, 16)
    compiled = torch.compile(layer, fullgraph=True)
    first, second = learn(layer, compiled, inputs), learn(layer, compiled, inputs)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(compiled(inputs), compiled(inputs))
    branch = layer.layer(layer.norm(inputs))
    dropped = (first[0] - inputs).abs() < 1e-6
    assert 0.45 < dropped.float().mean() < 0.55
    by_hand = learn(layer, lambda x: x + ~dropped * 2 * layer.layer(layer.norm(x)), inputs)
    assert branch.abs().min() > 0
    for one, other in zip(first, by_hand, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5 * other.abs().max().item(), rtol=0)


@pytest.mark.skipif(TELLS_EXPORT, reason="this torch tells an export from torch.compile")
def test_an_old_torch_compiles_the_chunked_form(caplog):
    layer, graphs, inputs = draw(), Graphs(), torch.randn(2, 40, 16)
    with caplog.at_level(logging.INFO, logger="brainbrr.kernels.graph_operators"):
        found = torch.compile(layer, backend=graphs)(inputs)
    torch.testing.assert_close(found, layer(inputs), atol=1e-5, rtol=0)
    assert graphs.n_fused() == [0]
    assert "torch.compile on cpu: chunked scan" in caplog.text


@tells_export
@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_layer_depends_on_no_library(strict):
    layer = draw().eval()
    program = torch.export.export(layer, (torch.randn(2, 40, 16),), strict=strict)
    assert not any("brainbrr" in str(node.target) for node in program.graph.nodes)


@pytest.mark.skipif(not TELLS_EXPORT, reason="torch.jit of an old torch cannot read the model")
@pytest.mark.filterwarnings("ignore")
def test_a_traced_layer_depends_on_no_library():
    traced = torch.jit.trace(draw().eval(), torch.randn(2, 40, 16))
    assert "brainbrr::" not in str(traced.inlined_graph)


@needs_compiler
@pytest.mark.skipif(not hasattr(torch.library, "opcheck"), reason="torch 2.4 brought opcheck")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", [None, 5])
def test_the_operators_keep_torchs_rules(dtype, seed):
    layer, inputs = draw(), torch.randn(3, 40, 16, dtype=dtype)
    blocks = (layer.layer.forwards, layer.layer.backwards)
    weights = [weight.detach() for block in blocks for weight in block.weights()]
    weights += [layer.norm.weight.detach(), layer.norm.bias.detach()]
    seed = None if seed is None else torch.tensor(seed)
    numbers = (1e-5, 1e-5, 0.0 if seed is None else 0.2)
    layer_op, back_op = (
        torch.ops.brainbrr.residual_bimamba,
        torch.ops.brainbrr.residual_bimamba_backward,
    )
    _, kept = layer_op(inputs, weights, seed, *numbers, True)
    back = (torch.randn_like(inputs), inputs, kept, weights, seed, *numbers)
    torch.library.opcheck(back_op.default, back)
    learning = [tensor.clone().requires_grad_() for tensor in (inputs, *weights)]
    arguments = (learning[0], learning[1:], seed, *numbers, True)
    torch.library.opcheck(layer_op.default, arguments)
    torch.library.opcheck(layer_op.default, (inputs, weights, seed, *numbers, False))


@pytest.mark.parametrize(
    ("name", "training"),
    [("v3_tiny", True), pytest.param("v3_electrode", False, marks=pytest.mark.slow)],
)
def test_what_a_gpu_would_run_has_no_break(name, training, monkeypatch):
    # On CUDA the plain forms are what a compiler reads; one sweep stands for all of them.
    monkeypatch.setattr(jacobi, "sweeps_for", lambda _: 1)
    model = load_model(name, scan="chunked", eigensolver="jacobi").train(training)
    found = torch._dynamo.explain(model)(torch.randn(1, 19, 160), torch.ones(1, 19).bool())
    assert found.graph_break_count == 0, found.break_reasons
    assert found.graph_count == 1


def test_weights_of_a_compiled_network_are_those_of_a_plain_one():
    plain, compiled = (nn.Sequential(draw(scan="chunked")) for _ in range(2))
    compiled.compile(backend="eager")
    compiled(torch.randn(2, 40, 16))
    assert list(compiled.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(compiled.state_dict())
    compiled.load_state_dict(plain.state_dict())
