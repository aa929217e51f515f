"""The earlier generation: its own parts, and what its bottleneck and skips carry."""

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.models.registry import load_model
from brainbrr.models.unet_bimamba import MultiKernelResidual

SMALL = {
    "encoder_channels": [4, 8, 8, 16], "decoder_channels": [8, 8, 4, 4], "residual_blocks": 1,
    "layers": 1, "d_state": 4, "headdim": 4, "scan": "chunked", "encoder_dropout": 0.0,
    "stream_dropout": 0.0,
}  # fmt: skip


@pytest.fixture
def network():
    torch.manual_seed(0)
    return load_model("unet_bimamba", **SMALL).eval()


def test_a_residual_layer_sees_its_longest_kernel_and_starts_from_its_input():
    layer = MultiKernelResidual(8, 0.0).double()
    features = torch.randn(1, 8, 40, dtype=torch.float64, requires_grad=True)
    layer(features)[0, :, 20].sum().backward()
    seen = (features.grad[0].abs().sum(0) > 0).nonzero().flatten()
    assert seen.tolist() == list(range(17, 24))
    torch.nn.init.zeros_(layer.join.weight)
    torch.nn.init.zeros_(layer.join.bias)
    assert torch.equal(layer(features), features)


def test_every_sample_has_a_logit_that_depends_on_the_complete_window(network):
    eeg = torch.randn(1, 19, 16 * 12, requires_grad=True)
    logits = network(eeg)
    assert logits.shape == (1, 16 * 12)
    logits[0, 0].backward()
    assert (eeg.grad[0].abs().sum(0).reshape(12, 16).sum(1) > 0).all()


def test_an_absent_electrode_is_not_read_and_not_the_same_as_a_flat_one(network):
    eeg, observed = torch.randn(1, 19, 64), torch.ones(1, 19, dtype=torch.bool)
    observed[0, 7] = False
    changed = eeg.clone()
    changed[0, 7] = 0.0
    assert torch.equal(network(eeg, observed), network(changed, observed))
    assert not torch.allclose(network(changed), network(changed, observed))


def test_windows_of_a_batch_do_not_meet(network):
    eeg = torch.randn(3, 19, 64)
    torch.testing.assert_close(network(eeg)[1:2], network(eeg[1:2]), atol=1e-5, rtol=1e-5)


def test_an_unknown_stream_is_refused():
    with pytest.raises(InvalidOption, match="bimamba2, bigru, attention; got 'lstm'"):
        load_model("unet_bimamba", **SMALL | {"stream": "lstm"})
