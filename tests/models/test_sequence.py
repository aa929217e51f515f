"""Streams over frames: all of the sequence is seen, and attention sees distances."""

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.models.sequence import SequenceStream, rotate


def stream(kind="bimamba2", **changes):
    sizes = {"layers": 2, "d_state": 4, "headdim": 2, "scan": "chunked"}
    return SequenceStream(kind, 8, **sizes | changes)


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
