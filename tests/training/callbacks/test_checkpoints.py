"""When a run is saved, and which validation is the best."""

from types import SimpleNamespace

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.training.callbacks.checkpoint_file import BEST, LAST
from brainbrr.training.callbacks.checkpoints import DurableCheckpointIO, DurableCheckpoints


class Trainer:
    """As much of Lightning's as the callback asks for; lists the files saved."""

    def __init__(self):
        self.saved, self.loggers, self.global_step, self.callback_metrics = [], [], 0, {}
        progress = SimpleNamespace(is_last_batch=False)
        self.fit_loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress))
        self.strategy = SimpleNamespace(reduce_boolean_decision=lambda due, all: due)

    def save_checkpoint(self, path, *_, **__):
        self.saved.append(path.name)

    def validated(self, callback, value):
        self.global_step += 1
        self.saved.clear()
        self.callback_metrics = {"val/m": value, "val/step": float(self.global_step)}
        callback.on_train_epoch_end(self, None)
        return list(self.saved)


def test_the_best_is_the_highest_and_an_undefined_metric_never_is(tmp_path):
    trainer, callback = Trainer(), DurableCheckpoints(tmp_path, "val/m")
    assert trainer.validated(callback, float("nan")) == [LAST]
    assert callback.best_metric is None
    assert trainer.validated(callback, 0.5) == [BEST, LAST]
    assert trainer.validated(callback, 0.4) == [LAST]
    assert trainer.validated(callback, float("nan")) == [LAST]
    assert (callback.best_metric, callback.best_step) == (0.5, 2)
    assert trainer.validated(callback, 0.6) == [BEST, LAST]


def test_the_best_so_far_survives_a_resume(tmp_path):
    trainer, callback = Trainer(), DurableCheckpoints(tmp_path, "val/m")
    trainer.validated(callback, 0.5)
    resumed = DurableCheckpoints(tmp_path, "val/m")
    resumed.load_state_dict(callback.state_dict())
    assert trainer.validated(resumed, 0.4) == [LAST]


def test_an_unknown_monitor_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(InvalidOption, match="one of val/m, val/step; got monitor val/n"):
        Trainer().validated(DurableCheckpoints(tmp_path, "val/n"), 0.5)


def test_it_saves_after_optimizer_steps_only_and_leaves_the_epochs_end_to_validation(tmp_path):
    trainer, callback = Trainer(), DurableCheckpoints(tmp_path, None, every_minutes=0.0)
    callback.on_train_start(trainer, None)
    callback.on_train_batch_end(trainer)
    assert trainer.saved == [], "gradients are still accumulated"
    trainer.global_step = 1
    callback.on_train_batch_end(trainer)
    assert trainer.saved == [LAST]
    trainer.global_step = 2
    trainer.fit_loop.epoch_loop.batch_progress.is_last_batch = True
    callback.on_train_batch_end(trainer)
    assert trainer.saved == [LAST]


def test_it_saves_no_more_often_than_asked(tmp_path):
    trainer, callback = Trainer(), DurableCheckpoints(tmp_path, None, every_minutes=60.0)
    callback.on_train_start(trainer, None)
    trainer.global_step = 1
    callback.on_train_batch_end(trainer)
    assert trainer.saved == []


def test_checkpoints_come_back_and_can_be_removed(tmp_path):
    path, files = tmp_path / "last.ckpt", DurableCheckpointIO()
    files.save_checkpoint({"weights": torch.arange(3), "configuration": {"seed": 1}}, path)
    restored = files.load_checkpoint(path)
    assert torch.equal(restored["weights"], torch.arange(3))
    assert restored["configuration"] == {"seed": 1}
    files.remove_checkpoint(path)
    files.remove_checkpoint(path)
    assert not path.exists()
