"""Front: absent electrodes never reach what follows."""

import torch

from brainbrr.models.front import MixedMerge, cosine_similarity, pool


def test_cosine_is_one_with_itself_and_defined_for_silence():
    nodes = torch.randn(1, 3, 5, 4)
    nodes[0, 2] = 0.0
    similarity = cosine_similarity(nodes)
    assert similarity.shape == (1, 5, 3, 3)
    torch.testing.assert_close(similarity[..., 0, 0], torch.ones(1, 5))
    assert (similarity[..., 2, :] == 0).all()
    want = torch.cosine_similarity(nodes[0, 0], nodes[0, 1], -1)
    torch.testing.assert_close(similarity[0, :, 0, 1], want)


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
