import pytest
import torch

from brainbrr.training.fine_tuning import WeightsMismatch, take_weights
from tests import tiny_corpus as tiny


def test_all_weights_are_taken():
    one, other = tiny.TinyNetwork(), tiny.TinyNetwork()
    take_weights(other, one.state_dict())
    assert all(a.equal(b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda weights: weights.pop("head.bias"),
            r"head.bias nothing where the network has \[1\]",
        ),
        (lambda weights: weights.update(extra=torch.zeros(2)), r"extra \[2\] where .* has nothing"),
        (lambda weights: weights.update({"head.bias": torch.zeros(3)}), r"head.bias \[3\] where"),
    ],
)
def test_weights_of_another_network_change_nothing(change, told):
    network = tiny.TinyNetwork()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = {name: value + 1 for name, value in before.items()}
    change(weights)
    with pytest.raises(WeightsMismatch, match=f"1 others, {told}"):
        take_weights(network, weights)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
