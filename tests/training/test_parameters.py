import pytest
import torch
from torch import nn

from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.models.registry import load_model
from brainbrr.training.parameters import freeze, load_pretrained, parameter_groups
from tests import tiny_corpus as tiny


def names_of(network, group):
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {names[id(parameter)] for parameter in group["params"]}


def test_norms_biases_and_state_space_rates_are_not_decayed():
    network = load_model("v3_tiny")
    decayed, exempt = parameter_groups(network)
    assert exempt["weight_decay"] == 0.0 and "weight_decay" not in decayed
    decayed_names, exempt_names = names_of(network, decayed), names_of(network, exempt)
    assert decayed_names | exempt_names == {name for name, _ in network.named_parameters()}
    assert not decayed_names & exempt_names
    for ending in ("A_log", "D", "dt_bias", "bias"):
        assert any(name.rsplit(".", 1)[-1] == ending for name in exempt_names), ending
        assert not any(name.rsplit(".", 1)[-1] == ending for name in decayed_names), ending
    assert any("in_proj" in name for name in decayed_names)


def test_a_mark_exempts_a_matrix_and_frozen_ones_are_left_out():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    network[0].weight._no_weight_decay = True
    assert freeze(network, ["2.*"]) == 12
    decayed, exempt = parameter_groups(network)
    assert names_of(network, decayed) == {"1.weight"}
    assert names_of(network, exempt) == {"0.weight", "0.bias", "1.bias"}
    torch.optim.AdamW([decayed, exempt], lr=0.1)


def test_freezing_nothing_or_everything_is_refused():
    network = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(InvalidOption, match="a parameter that matches encoder"):
        freeze(network, ["encoder.*"])
    with pytest.raises(InvalidOption, match="all of them frozen"):
        freeze(network, ["*"])


def test_all_weights_are_loaded():
    one, other = tiny.TinyNetwork(), tiny.TinyNetwork()
    load_pretrained(other, one.state_dict())
    assert all(a.equal(b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda weights: weights.pop("head.bias"),
            r"head.bias absent, in the network \[1\]",
        ),
        (
            lambda weights: weights.update(extra=torch.zeros(2)),
            r"extra \[2\], in the network absent",
        ),
        (
            lambda weights: weights.update({"head.bias": torch.zeros(3)}),
            r"head.bias \[3\], in the network",
        ),
    ],
)
def test_weights_of_another_network_change_nothing(change, problem):
    network = tiny.TinyNetwork()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = {name: value + 1 for name, value in before.items()}
    change(weights)
    with pytest.raises(InvalidInput, match=f"1 that differ, first {problem}"):
        load_pretrained(network, weights)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
