"""Decoder and head: the full rate again, and capped logits."""

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.models.decoder import Decoder, Head
from brainbrr.models.tcn import Encoder


def encoder(**changes):
    sizes = {"channels": [4, 8, 8, 16], "kernel": 7, "dilations": [1, 2, 4, 8], "dropout": 0.0}
    return Encoder(2, **sizes | changes)


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
