import os
import signal

import pytest
from lightning import Callback

from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.preemption import (
    EXIT_INTERRUPTED,
    EXIT_PREEMPTED,
    Preempted,
    Preemption,
)
from brainbrr.training.trainer_options import TrainerOptions
from brainbrr.training.validation import Validation
from tests import tiny_corpus as tiny

OPTIONS = TrainerOptions(max_epochs=2, accelerator="cpu", limit_train_batches=4)


class Ask(Callback):
    """The process is asked to go when a batch begins, as often as it says."""

    def __init__(self, batch, number, times=1):
        self.batch, self.number, self.times, self.seen = batch, number, times, 0

    def on_train_batch_start(self, *_):
        self.seen += 1
        if self.seen == self.batch:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


def run(folder, rows, cache, *extra, **changes):
    callbacks = tiny.callback_set(
        folder, None, every_minutes=60, preemption=Preemption(), extra=list(extra)
    )
    return tiny.run(folder, rows, cache, trainer=OPTIONS, callbacks=callbacks, **changes)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, EXIT_PREEMPTED),
        (signal.SIGUSR1, EXIT_PREEMPTED),
        (signal.SIGINT, EXIT_INTERRUPTED),
    ],
)
def test_it_finishes_the_step_saves_and_goes_with_its_code(tmp_path, rows, cache, number, code):
    before = signal.getsignal(number)
    with pytest.raises(Preempted) as left:
        run(tmp_path, rows, cache, Ask(2, number))
    assert left.value.code == code
    assert read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert signal.getsignal(number) == before


def test_asked_at_the_end_of_an_epoch_it_goes_before_the_validation(
    tmp_path, rows, cache, monkeypatch
):
    monkeypatch.setattr(Validation, "predict", lambda *_: pytest.fail("validated"))
    with pytest.raises(Preempted):
        run(tmp_path, rows, cache, Ask(4, signal.SIGTERM))
    assert not (tmp_path / "checkpoints").exists()


def test_asked_while_recordings_are_validated_it_goes_at_once(tmp_path, rows, cache, monkeypatch):
    def predict(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("went on")

    monkeypatch.setattr(Validation, "predict", predict)
    with pytest.raises(Preempted) as left:
        run(tmp_path, rows, cache)
    assert left.value.code == EXIT_PREEMPTED


def test_a_second_ctrl_c_does_not_wait_for_the_step(tmp_path, rows, cache):
    with pytest.raises(Preempted) as left:
        run(tmp_path, rows, cache, Ask(2, signal.SIGINT, times=2))
    assert left.value.code == EXIT_INTERRUPTED
    assert not (tmp_path / "checkpoints").exists()
