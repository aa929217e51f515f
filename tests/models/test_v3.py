"""V3: choices that contradict."""

import pytest

from brainbrr.errors import InvalidOption
from brainbrr.models.registry import load_model
from brainbrr.models.tcn import Encoder


def encoder(**changes):
    sizes = {"channels": [4, 8, 8, 16], "kernel": 7, "dilations": [1, 2, 4, 8], "dropout": 0.0}
    return Encoder(2, **sizes | changes)


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
