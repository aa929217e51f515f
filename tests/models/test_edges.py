"""Edge weights: positive, and of their own pair."""

import torch

from brainbrr.models.edges import EdgeStream
from brainbrr.models.sequence import SequenceStream


def stream(kind="bimamba2", **changes):
    sizes = {"layers": 2, "d_state": 4, "headdim": 2, "scan": "chunked"}
    return SequenceStream(kind, 8, **sizes | changes)


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
