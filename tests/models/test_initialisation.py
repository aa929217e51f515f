"""Signal passes an untrained detector: no stage swallows it, and the graph already moves."""

import pytest
import torch

from brainbrr.models.registry import load_model

DECADE = 10.0
STAGES = ("front.encoder", "front.encoder.stem", "edges.lift", "edges.stream", "edges.read")
STAGES += ("node_stream", "graph", "merge", "decoder", "head")


@pytest.fixture(scope="module", params=["v3", "v3_small", "v3_tiny", "v3_electrode"])
def detector(request):
    torch.manual_seed(0)
    return load_model(request.param).eval()


@pytest.fixture(scope="module")
def eeg():
    """Noise with a rhythm that comes and goes, in units of its own spread."""
    generator = torch.Generator().manual_seed(0)
    time_s = torch.arange(256 * 20) / 256
    rhythm = torch.sin(2 * torch.pi * 4 * time_s) * (torch.sin(2 * torch.pi * 0.1 * time_s) > 0)
    signal = torch.randn(2, 19, len(time_s), generator=generator) + 2 * rhythm
    return signal / signal.std(-1, keepdim=True)


def spread(value):
    """Standard deviation over everything but what is constant in time."""
    value = value[0] if isinstance(value, tuple) else value
    return float(value.detach().float().std())


@torch.no_grad()
def test_no_stage_swallows_or_blows_up_the_signal(detector, eeg):
    ratios = {}

    def watch(name):
        def note(module, inputs, output):
            # The read takes the stream's last norm into its own pass.
            seen = inputs[1](inputs[0]) if name == "edges.read" else inputs[0]
            ratios[name] = spread(output) / spread(seen)

        return note

    modules = dict(detector.named_modules())
    handles = [
        modules[name].register_forward_hook(watch(name)) for name in STAGES if name in modules
    ]
    detector(eeg)
    for handle in handles:
        handle.remove()
    assert len(ratios) == len(STAGES)
    wrong = {name: r for name, r in ratios.items() if not 1 / DECADE < r < DECADE}
    assert not wrong, ratios


@torch.no_grad()
def test_features_and_edges_vary_in_time(detector, eeg):
    observed = torch.ones(2, 19, dtype=torch.bool)
    nodes = detector.front(eeg, observed).nodes
    assert float(nodes.std(2).mean()) > 0.3 * float(nodes.std())
    weights = detector.edges(nodes)
    assert float(weights.std(2).mean()) > 0.05 * float(weights.mean())


@torch.no_grad()
def test_the_graph_changes_from_second_to_second(detector, eeg):
    adjacency = detector.explain(eeg).adjacency > 0
    changed = (adjacency[:, 16:] != adjacency[:, :-16]).float().mean()
    assert changed > 0.02


def test_gradients_of_all_parts_are_within_four_decades(detector, eeg):
    """Adam divides by a gradient's size, but bfloat16 and clipping do not."""
    detector.zero_grad()
    logits = detector(eeg)
    target = (torch.arange(logits.shape[1]) % 2560 < 1280).float().expand_as(logits)
    torch.nn.functional.binary_cross_entropy_with_logits(logits, target).backward()
    sizes = {
        name: float(torch.stack([p.grad.square().mean() for p in part.parameters()]).mean().sqrt())
        for name, part in detector.named_children()
        if name != "head"
    }
    assert max(sizes.values()) / min(sizes.values()) < 1e4, sizes
