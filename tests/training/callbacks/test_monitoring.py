import logging
import time
from types import SimpleNamespace

import pytest
import torch
from lightning import Callback
from rich.console import Console

from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.callbacks.metrics_file import MetricsFile, read_metrics
from brainbrr.training.callbacks.monitoring import LossSpikeMonitor, Monitoring
from brainbrr.training.callbacks.progress import ProgressLine
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny

QUICK = TrainerOptions(
    max_epochs=1,
    accelerator="cpu",
    limit_train_batches=6,
    log_every_n_steps=1,
    accumulate_grad_batches=2,
)


class Losses(Callback):
    """The loss of every batch as the network's loss function gave it."""

    def __init__(self):
        self.seen = []

    def on_before_backward(self, trainer, pl_module, loss):
        self.seen.append(loss.item() * trainer.accumulate_grad_batches)


def test_what_is_logged_is_what_happened(tmp_path, rows, cache):
    losses = Losses()
    callbacks = tiny.callback_set(
        tmp_path,
        monitoring=Monitoring(),
        finite_guard=FiniteGuard(tmp_path),
        loss_spike_monitor=LossSpikeMonitor(),
        extra=[losses],
    )
    path = tmp_path / "metrics.csv"
    tiny.run(tmp_path, rows, cache, callbacks=callbacks, trainer=QUICK, loggers=[MetricsFile(path)])
    logged = {(step, name): value for step, name, value in read_metrics(path)}
    for step in (1, 2, 3):
        two = losses.seen[2 * step - 2 : 2 * step]
        assert logged[step, "train/loss"] == pytest.approx(sum(two) / 2, rel=1e-5)
        assert logged[step, "train/gradient_norm"] > 0
        assert logged[step, "guard/skipped_steps"] == 0
        assert logged[step, "guard/overflows_in_a_row"] == 0
        assert logged[step, "guard/loss_spikes"] == 0
        assert 0 <= logged[step, "train/data_wait"] <= 1
        assert 0 <= logged[step, "train/seizure_fraction"] <= 1
        assert logged[step, "train/windows_per_s"] > 0
    # The whole run has 3 steps, all of them in the warm-up or after: the first is the lowest.
    assert logged[1, "train/learning_rate"] <= 0.01
    assert logged[3, "val/event_f1"] >= 0 and logged[3, "val/loss"] > 0


def feed(watch, losses):
    trainer = SimpleNamespace(accumulate_grad_batches=1, global_step=0)
    for loss in losses:
        trainer.global_step += 1
        watch.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)}, None, 0)


def test_a_spike_is_told_and_ordinary_noise_is_not(caplog):
    generator = torch.Generator().manual_seed(0)
    noise = (1 + 0.1 * torch.randn(300, generator=generator)).tolist()
    watch = LossSpikeMonitor(memory=50)
    with caplog.at_level(logging.WARNING):
        feed(watch, noise)
        assert watch.n_spikes == 0 and not caplog.text
        feed(watch, [5.0, float("nan")])
    assert (
        watch.n_spikes == 1
        and "Loss 5 at step 1; the mean of the last batches is 0.9" in caplog.text
    )


def test_a_monitor_resumes_where_it_was_saved():
    losses = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0]
    whole, first, second = (
        LossSpikeMonitor(memory=3),
        LossSpikeMonitor(memory=3),
        LossSpikeMonitor(memory=3),
    )
    feed(whole, losses)
    feed(first, losses[:3])
    second.load_state_dict(first.state_dict())
    feed(second, losses[3:])
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize("terminal", [True, False])
def test_the_line_says_loss_speed_wait_and_place(tmp_path, rows, cache, caplog, terminal):
    line = ProgressLine(every_s=0.0)
    line._console = Console(file=(tmp_path / "line").open("w"), force_terminal=terminal, width=150)

    class Pause(Callback):
        def on_train_batch_end(self, *_):
            time.sleep(0.1)

    callbacks = tiny.callback_set(tmp_path, progress=line, extra=[Pause()])
    with caplog.at_level(logging.INFO):
        tiny.run(tmp_path, rows, cache, callbacks=callbacks, trainer=QUICK)
    line._console.file.close()
    said = (tmp_path / "line").read_text() if terminal else caplog.text
    for part in ("epoch 1/1", "loss 0.", "windows/s", "waits for data", "6/6"):
        assert part in said
    assert ("min left" in said) != terminal
    # The pauses lie between the batches but are not the loader's.
    assert float(said.rsplit("waits for data ", 1)[1].split(" %")[0]) < 50
