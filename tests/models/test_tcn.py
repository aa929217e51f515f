"""The encoder: what a frame sees, how stages halve the rate, and sizes that contradict."""

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.models.tcn import Encoder, ResidualConvolution


def encoder(**changes):
    sizes = {"channels": [4, 8, 8, 16], "kernel": 7, "dilations": [1, 2, 4, 8], "dropout": 0.0}
    return Encoder(2, **sizes | changes)


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
