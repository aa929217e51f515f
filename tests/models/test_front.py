"""Front: absent electrodes never reach what follows."""

import pytest
import torch

from brainbrr.models.front import (
    ElectrodeFront,
    ElectrodeMerge,
    MixedFront,
    MixedMerge,
    cosine_similarity,
    pool,
)
from brainbrr.models.tcn import Encoder


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


@pytest.mark.parametrize("kind", ["mixed", "electrode"])
def test_what_an_absent_electrode_holds_does_not_reach_the_stream(kind):
    torch.manual_seed(0)
    sizes = {"channels": [4, 8], "kernel": 3, "dilations": [1, 1], "dropout": 0.0}
    if kind == "mixed":
        front, merge = MixedFront(Encoder(5, **sizes), 8, 5, 8), MixedMerge(8, 5, 8)
    else:
        front, merge = ElectrodeFront(Encoder(1, **sizes)), ElectrodeMerge(8, 8)
    eeg, observed = torch.randn(2, 5, 64), torch.ones(2, 5, dtype=torch.bool)
    observed[0, 3] = False
    changed = eeg.clone()
    changed[:, 3] = 100.0

    def stream_of(eeg):
        nodes, trunk, _ = front(eeg, observed)
        assert nodes.shape == (2, 5, 16, 8)
        return merge(nodes, trunk, observed)

    before, after = stream_of(eeg), stream_of(changed)
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_few_electrodes_are_no_faint_signal():
    merge = MixedMerge(5, 4, 2)
    torch.nn.init.zeros_(merge.from_electrodes.bias)
    nodes, trunk = torch.ones(1, 4, 3, 2), torch.zeros(1, 5, 3)
    merge.from_electrodes.weight.data[:] = 1.0
    every, half = torch.ones(1, 4, dtype=torch.bool), torch.tensor([[True, False, True, False]])
    torch.testing.assert_close(merge(nodes, trunk, every), merge(nodes, trunk, half))


def test_the_order_of_electrodes_does_not_matter_when_each_is_encoded_alone():
    torch.manual_seed(0)
    encoder = Encoder(1, channels=[4, 8], kernel=3, dilations=[1, 1], dropout=0.0)
    front, merge = ElectrodeFront(encoder), ElectrodeMerge(8, 6)
    eeg, observed = torch.randn(1, 5, 64), torch.tensor([[True, True, False, True, True]])
    order = torch.tensor([4, 2, 0, 1, 3])

    def stream_of(eeg, observed):
        nodes, trunk, _ = front(eeg, observed)
        return merge(nodes, trunk, observed)

    torch.testing.assert_close(
        stream_of(eeg[:, order], observed[:, order]), stream_of(eeg, observed), atol=1e-5, rtol=1e-5
    )
