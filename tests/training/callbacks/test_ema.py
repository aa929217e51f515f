import pytest
import torch
from lightning import Callback

from brainbrr.errors import InvalidOption
from brainbrr.training.callbacks.ema import Ema, released_weights
from brainbrr.training.trainer_options import TrainerOptions
from brainbrr.training.validation import Validation
from tests import tiny_corpus as tiny


class Trajectory(Callback):
    """The weights after every step."""

    def __init__(self):
        self.seen = []

    def on_train_start(self, trainer, pl_module):
        self.seen.append(pl_module.network.mix.weight.detach().clone())

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.seen.append(pl_module.network.mix.weight.detach().clone())


def test_the_average_is_what_its_formula_says_and_what_validation_judges(
    tmp_path, rows, cache, monkeypatch
):
    trajectory, ema, judged = Trajectory(), Ema(decay=0.8), []
    network = tiny.TinyNetwork()
    callbacks = tiny.callback_set(tmp_path, "val/average_precision", ema=ema, extra=[trajectory])
    predict = Validation.predict

    def watching(validation, trainer, pl_module):
        judged.append(pl_module.network.mix.weight.detach().clone())
        return predict(validation, trainer, pl_module)

    monkeypatch.setattr(Validation, "predict", watching)
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=6)
    result = tiny.run(tmp_path, rows, cache, network=network, callbacks=callbacks, trainer=options)
    average = trajectory.seen[0]
    for number, weight in enumerate(trajectory.seen[1:], 1):
        decay = min(0.8, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * weight
    assert torch.allclose(judged[0], average, atol=1e-6)
    assert torch.equal(network.mix.weight, trajectory.seen[-1])
    assert torch.allclose(
        released_weights(result.best_checkpoint)["mix.weight"], average, atol=1e-6
    )


def test_without_an_average_the_network_s_own_weights_are_released(tmp_path, rows, cache):
    network = tiny.TinyNetwork()
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=2)
    result = tiny.run(tmp_path, rows, cache, network=network, trainer=options)
    weights = released_weights(result.last_checkpoint)
    fresh = tiny.TinyNetwork()
    fresh.load_state_dict(weights)
    assert all(
        torch.equal(a, b) for a, b in zip(fresh.parameters(), network.parameters(), strict=True)
    )


def test_exchanging_twice_is_nothing():
    network, ema = tiny.TinyNetwork(), Ema()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    ema.average = {name: torch.zeros_like(value) for name, value in before.items()}
    ema.exchange(network)
    assert not any(value.any() for value in network.state_dict().values())
    ema.exchange(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_an_impossible_decay_is_refused():
    with pytest.raises(InvalidOption, match="0 < decay < 1"):
        Ema(decay=1.0)
