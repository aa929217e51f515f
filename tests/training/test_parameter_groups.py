import pytest
import torch
from torch import nn

from brainbrr.models.registry import load_model
from brainbrr.training.parameter_groups import NothingToTrain, freeze, parameter_groups


def names_of(network, group):
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {names[id(parameter)] for parameter in group["params"]}


def test_norms_biases_and_state_space_rates_are_not_decayed():
    network = load_model("v3_tiny")
    decayed, kept = parameter_groups(network)
    assert kept["weight_decay"] == 0.0 and "weight_decay" not in decayed
    decayed_names, kept_names = names_of(network, decayed), names_of(network, kept)
    assert decayed_names | kept_names == {name for name, _ in network.named_parameters()}
    assert not decayed_names & kept_names
    for ending in ("A_log", "D", "dt_bias", "bias"):
        assert any(name.rsplit(".", 1)[-1] == ending for name in kept_names), ending
        assert not any(name.rsplit(".", 1)[-1] == ending for name in decayed_names), ending
    assert any("in_proj" in name for name in decayed_names)


def test_a_mark_exempts_a_matrix_and_frozen_ones_are_left_out():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    network[0].weight._no_weight_decay = True
    assert freeze(network, ["2.*"]) == 12
    decayed, kept = parameter_groups(network)
    assert names_of(network, decayed) == {"1.weight"}
    assert names_of(network, kept) == {"0.weight", "0.bias", "1.bias"}
    torch.optim.AdamW([decayed, kept], lr=0.1)


def test_freezing_nothing_or_everything_is_refused():
    network = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(NothingToTrain, match="a parameter that matches encoder"):
        freeze(network, ["encoder.*"])
    with pytest.raises(NothingToTrain, match="all of them frozen"):
        freeze(network, ["*"])
