"""The detector as a network: when positions are solved, and what an explanation shows."""

import pytest
import torch

from brainbrr.models.registry import load_model


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


def test_the_graph_keeps_so_many_neighbors_and_is_symmetric():
    torch.manual_seed(0)
    model = load_model("v3_tiny", n_neighbours=3).eval()
    adjacency = model.explain(torch.randn(1, 19, 320)).adjacency
    assert torch.equal(adjacency, adjacency.transpose(-1, -2))
    assert (adjacency >= 0).all()
    assert (adjacency.diagonal(dim1=-2, dim2=-1) == 0).all()
    assert ((adjacency > 0).sum(-1) >= 3).all()
    assert not (adjacency > 0).flatten(-2).all()


def test_positions_are_repeated_between_solutions():
    torch.manual_seed(0)
    model = load_model("v3_tiny", semi_dynamic_interval=4).eval()
    weights = torch.rand(1, 10, 19, 19)
    adjacency = weights + weights.transpose(-1, -2)
    observed = torch.ones(1, 19, dtype=torch.bool)
    positions = model.encode_positions(adjacency, observed)
    assert positions.shape[:3] == (1, 10, 19)
    for first, last in ((0, 4), (4, 8), (8, 10)):
        assert (positions[:, first:last] == positions[:, first : first + 1]).all()
    assert not torch.allclose(positions[:, 0], positions[:, 4])


@pytest.mark.parametrize("skips", [True, False])
def test_the_decoder_gets_the_faster_stages_only_when_asked(skips, monkeypatch):
    model = load_model("v3_tiny", skip_connections=skips).eval()
    stages = []
    forward = model.decoder.forward
    monkeypatch.setattr(
        model.decoder,
        "forward",
        lambda merged, given: stages.append(given) or forward(merged, given),
    )
    model(torch.randn(1, 19, 64))
    assert len(stages[0]) == (3 if skips else 0)
