"""The detector as a network: when positions are solved, and what an explanation shows."""

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
