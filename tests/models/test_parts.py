"""Encoder, streams, front, decoder and head: what each promises by itself."""

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.models.decoder import Decoder, Head
from brainbrr.models.edges import EdgeStream
from brainbrr.models.front import MixedMerge, cosine_similarity, pool
from brainbrr.models.graph import graph_convolution
from brainbrr.models.layers import ChannelNorm
from brainbrr.models.registry import load_model
from brainbrr.models.sequence import SequenceStream, rotate
from brainbrr.models.tcn import Encoder, ResidualConvolution


def encoder(**changes):
    sizes = {"channels": [4, 8, 8, 16], "kernel": 7, "dilations": [1, 2, 4, 8], "dropout": 0.0}
    return Encoder(2, **sizes | changes)


def stream(kind="bimamba2", **changes):
    sizes = {"layers": 2, "d_state": 4, "headdim": 2, "scan": "chunked"}
    return SequenceStream(kind, 8, **sizes | changes)


def test_quiet_stays_quiet_and_loud_is_brought_down():
    norm = ChannelNorm(64)
    pattern = torch.randn(1, 64, 1)
    sizes = [float(norm(pattern * scale).detach().std()) for scale in (0.01, 0.1, 1.0, 100.0)]
    assert sizes[0] == pytest.approx(0.01 * float(pattern.std()), rel=1e-3)
    assert sizes == sorted(sizes) and sizes[3] < 1.1


def test_a_frame_sees_the_seconds_it_is_documented_to_see():
    network = encoder(channels=[4, 4, 4, 4]).double()
    signal = torch.randn(1, 2, 4096, dtype=torch.float64, requires_grad=True)
    features, _ = network(signal)
    features[0, :, 128].sum().backward()
    seen = (signal.grad[0].abs().sum(0) > 0).nonzero().flatten()
    width_s = float(seen.max() - seen.min() + 1) / 256
    assert 4.2 < width_s < 4.6


@pytest.mark.parametrize("width", [3, 8, 65])
def test_what_passes_by_a_halving_layer_is_the_mean_of_two_samples(width):
    layer = ResidualConvolution(width, 8, kernel=7, stride=2)
    signal = torch.randn(2, width, 40)
    branch = layer.convolution(torch.nn.functional.gelu(layer.norm(signal)))
    mean = signal.unflatten(-1, (-1, 2)).mean(-1)
    assert torch.allclose(layer(signal), layer.skip(mean) + branch, atol=1e-5)


def test_each_stage_halves_the_rate():
    features, stages = encoder()(torch.randn(3, 2, 64))
    assert features.shape == (3, 16, 4)
    assert [tuple(stage.shape) for stage in stages] == [(3, 4, 32), (3, 8, 16), (3, 8, 8)]


@pytest.mark.parametrize("changes", [{"dilations": [1, 2]}, {"kernel": 6}])
def test_contradicting_encoder_sizes_are_refused(changes):
    with pytest.raises(InvalidOption, match="one dilation for each stage and an odd kernel"):
        encoder(**changes)


@pytest.mark.parametrize("kind", ["bimamba2", "bigru", "attention"])
def test_every_frame_sees_the_whole_sequence(kind):
    torch.manual_seed(0)
    network = stream(kind).double()
    frames = torch.randn(1, 12, 8, dtype=torch.float64, requires_grad=True)
    network(frames)[0, 6, 0].backward()
    assert (frames.grad[0].abs().sum(-1) > 0).all()


def test_attention_sees_distances_and_not_positions():
    query, key = torch.randn(2, 1, 8, dtype=torch.float64).expand(2, 30, 8)
    products = rotate(query) @ rotate(key).T
    torch.testing.assert_close(products[3, 7], products[20, 24])
    assert not torch.isclose(products[3, 7], products[3, 12])


def test_unknown_stream_is_refused():
    with pytest.raises(InvalidOption, match="bimamba2, bigru, attention; got 'lstm'"):
        stream("lstm")


def test_attention_heads_that_do_not_fit_are_refused():
    with pytest.raises(InvalidOption, match="even headdim.*got headdim 3"):
        stream("attention", headdim=3)


def test_cosine_is_one_with_itself_and_defined_for_silence():
    nodes = torch.randn(1, 3, 5, 4)
    nodes[0, 2] = 0.0
    similarity = cosine_similarity(nodes)
    assert similarity.shape == (1, 5, 3, 3)
    torch.testing.assert_close(similarity[..., 0, 0], torch.ones(1, 5))
    assert (similarity[..., 2, :] == 0).all()
    want = torch.cosine_similarity(nodes[0, 0], nodes[0, 1], -1)
    torch.testing.assert_close(similarity[0, :, 0, 1], want)


def test_edge_weights_are_positive_and_follow_their_own_pair():
    torch.manual_seed(0)
    edges, nodes = EdgeStream(stream(), 8), torch.randn(2, 4, 10, 6)
    weights = edges(nodes)
    assert weights.shape == (2, 6, 10) and (weights > 0).all()
    changed = nodes.clone()
    changed[:, 3] = torch.randn(2, 10, 6)
    same = torch.isclose(edges(changed), weights).all(-1).all(0)
    # Pairs in row order: 01 02 03 12 13 23.
    assert same.tolist() == [True, True, False, True, False, False]


def test_pooling_leaves_absent_electrodes_out():
    nodes = torch.randn(1, 4, 3, 2)
    observed = torch.tensor([[True, False, True, False]])
    pooled = torch.cat(pool(nodes, observed), -1).transpose(1, 2)[0]
    torch.testing.assert_close(pooled[:2].T, nodes[0, [0, 2]].mean(0))
    torch.testing.assert_close(pooled[2:].T, nodes[0, [0, 2]].amax(0))


def test_merging_leaves_absent_electrodes_out():
    merge, nodes = MixedMerge(5, 4, 2), torch.randn(1, 4, 3, 2)
    trunk, observed = torch.randn(1, 5, 3), torch.tensor([[True, True, True, False]])
    changed = nodes.clone()
    changed[:, 3] = torch.nan
    assert torch.equal(merge(nodes, trunk, observed), merge(changed, trunk, observed))


def test_the_decoder_returns_to_the_full_rate_with_and_without_skips():
    features, stages = encoder()(torch.randn(2, 2, 64))
    assert Decoder([16, 8, 8, 4, 3])(features).shape == (2, 3, 64)
    with_skips = Decoder([16, 8, 8, 4, 3], [8, 8, 4])
    assert with_skips(features, stages).shape == (2, 3, 64)
    silenced = [torch.zeros_like(stage) for stage in stages]
    assert not torch.equal(with_skips(features, stages), with_skips(features, silenced))


def test_logits_are_capped_smoothly():
    head = Head(4, 0.5)
    head.read.weight.data *= 1e4
    signal = torch.randn(2, 4, 50, requires_grad=True)
    logits = head(signal)
    assert logits.shape == (2, 50) and logits.abs().max() <= 40


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1])
def test_a_prior_without_odds_is_refused(prior):
    with pytest.raises(InvalidOption, match=f"0 < prior < 1; got {prior}"):
        Head(4, prior)


@pytest.mark.parametrize(
    ("name", "message"),
    [("NoConv", "got 'NoConv'"), ("SAGEConv", "uses edge weights; got SAGEConv")],
)
@pytest.mark.usefixtures("geometric")
def test_a_graph_convolution_that_would_starve_the_edges_is_refused(name, message):
    with pytest.raises(InvalidOption, match=message):
        graph_convolution(name, 4, 4, alpha=0.05, hops=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "shared"}, "mixed or electrode; got 'shared'"),
        ({"encoder": "electrode", "electrode_features": 16}, "electrode_features 64.*got.* 16"),
        ({"encoder": "electrode", "electrode_features": 64, "skip_connections": True}, "no skips"),
    ],
)
def test_encoder_choices_that_contradict_are_refused(changes, message):
    with pytest.raises(InvalidOption, match=message):
        load_model("v3_tiny", **changes)


def test_positions_are_solved_at_each_interval_only(monkeypatch):
    from brainbrr.models import detector

    solved = []

    def count(adjacency, observed, **options):
        solved.append(adjacency.shape[1])
        return torch.zeros(*adjacency.shape[:3], options["n_eigenvectors"])

    monkeypatch.setattr(detector, "laplacian_encoding", count)
    load_model("v3_tiny", semi_dynamic_interval=5)(torch.randn(1, 19, 16 * 22))
    assert solved == [5]


def test_an_explanation_shows_the_graph_the_electrodes_and_the_logits():
    model = load_model("v3_tiny").eval()
    eeg, observed = torch.randn(2, 19, 320), torch.ones(2, 19, dtype=torch.bool)
    observed[1, 4] = False
    seen = model.explain(eeg, observed)
    assert seen.adjacency.shape == (2, 20, 19, 19)
    assert seen.node_activity.shape == (2, 19, 20)
    assert (seen.node_activity[1, 4] == 0).all() and (seen.node_activity[0] > 0).all()
    assert (seen.adjacency[1, :, 4] == 0).all()
    assert torch.equal(seen.logits, model(eeg, observed))
