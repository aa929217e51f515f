import numpy as np
import pytest
import torch
from lightning import Callback

from brainbrr.data.windows.index import Kind, index_windows
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.data.windows.sampler import Balance, BalancedSampler
from brainbrr.errors import InvalidOption
from brainbrr.training.callbacks.hard_negatives import HardNegatives
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny


class Dealt(Callback):
    """The windows of each epoch, and the probabilities at the end of each."""

    def __init__(self, stop_at=None):
        self.windows, self.hardness, self.stop_at, self.seen = {}, {}, stop_at, 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen += 1
        if self.seen == self.stop_at:
            raise InterruptedError
        self.windows.setdefault(trainer.current_epoch, []).extend(batch.window.tolist())

    def on_train_epoch_end(self, trainer, pl_module):
        self.hardness[trainer.current_epoch] = trainer.train_dataloader.balanced.hardness.copy()


def run(folder, rows, cache, dealt, **changes):
    torch.manual_seed(0)
    callbacks = tiny.callback_set(folder, None, hard_negatives=HardNegatives(), extra=[dealt])
    loader = LoaderOptions(batch_size=8, balance=Balance(hard_fraction=0.25))
    options = TrainerOptions(max_epochs=2, accelerator="cpu")
    return tiny.run(
        folder, rows, cache, callbacks=callbacks, dataloader=loader, trainer=options,
        network=tiny.TinyNetwork(), **changes,
    )  # fmt: skip


def test_the_worst_background_of_an_epoch_comes_again_in_the_next(tmp_path, rows, cache):
    dealt = Dealt()
    run(tmp_path, rows, cache, dealt)
    kind = index_windows([row for row in rows if row.split == "train"], tiny.WINDOWING).kind
    none = np.flatnonzero(kind == Kind.NONE)
    hardness = dealt.hardness[0]
    assert not hardness[kind != Kind.NONE].any()
    met = np.intersect1d(none, dealt.windows[0])
    assert (hardness[met] > 0).all() and not hardness[np.setdiff1d(none, met)].any()
    n_hard = round(0.25 * round(2.5 * (kind == Kind.PARTIAL).sum()))
    hardest = none[np.argsort(-hardness[none], kind="stable")[:n_hard]]
    assert set(hardest) <= set(dealt.windows[1])
    assert len(dealt.windows[0]) == len(dealt.windows[1])


def test_a_resumed_epoch_is_drawn_with_the_scores_it_began_with(tmp_path, rows, cache):
    whole, first, second = Dealt(), Dealt(stop_at=13), Dealt()
    run(tmp_path / "whole", rows, cache, whole)
    with pytest.raises(InterruptedError):
        run(tmp_path / "stopped", rows, cache, first)
    run(tmp_path / "stopped", rows, cache, second, resume=True)
    assert first.windows[1] + second.windows[1] == whole.windows[1]
    assert np.array_equal(whole.hardness[1], second.hardness[1])


def test_without_scores_the_background_comes_from_the_deck():
    kind = np.array([0] * 50 + [1] * 4, dtype=np.int8)
    plain, hard = (
        BalancedSampler(kind, Balance(hard_fraction=share), seed=0, batch_size=4)
        for share in (0.0, 0.5)
    )
    assert np.array_equal(plain.epoch(0), hard.epoch(0))


def test_a_share_of_one_leaves_no_room_for_the_rest_and_is_refused():
    with pytest.raises(InvalidOption, match="0 <= hard_fraction < 1"):
        Balance(hard_fraction=1.0)
