import math
from dataclasses import replace

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from brainbrr.data.windows.dataset import WeightedSpans
from brainbrr.errors import InvalidInput, InvalidOption, NotFound
from brainbrr.events.detection import Detection
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.callbacks.early_stopping import EarlyStopping
from brainbrr.training.callbacks.ema import released_weights
from brainbrr.training.callbacks.metrics_file import MetricsFile, read_metrics
from brainbrr.training.module import step_seed
from brainbrr.training.trainer_options import TrainerOptions, checkpoint_children
from brainbrr.training.validation import ValidationScore
from tests import tiny_corpus as tiny

QUICK = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=2)


class Scripted:
    """Scores that rise and fall as written, with thresholds that tell the epochs apart."""

    def __init__(self, *values):
        self.values, self.calls = values, 0

    def __call__(self, traces, references):
        value = self.values[self.calls]
        self.calls += 1
        return ValidationScore(
            {"event_f1": value}, Detection(on_threshold=0.1 * self.calls, off_threshold=0.05)
        )


def test_a_seizure_is_learnt_and_the_whole_result_is_there(tmp_path, rows, cache):
    result = tiny.run(tmp_path, rows, cache)
    assert result.best_metric == 1.0
    last = result.history[-1]
    assert {"val/event_f1", "val/event_sensitivity", "val/fp_per_24h", "val/loss"} <= last.keys()
    assert last["val/average_precision"] > 0.95
    assert [entry["epoch"] for entry in result.history] == [1, 2, 3]
    assert 0.1 < result.seizure_fraction < 0.4
    network = tiny.TinyNetwork()
    network.load_state_dict(released_weights(result.best_checkpoint))


def test_the_best_checkpoint_is_the_best_epoch_s_with_its_thresholds(tmp_path, rows, cache):
    options = TrainerOptions(max_epochs=4, accelerator="cpu", limit_train_batches=3)
    result = tiny.run(tmp_path, rows, cache, trainer=options, score=Scripted(0.2, 0.6, 0.6, 0.3))
    assert result.best_metric == 0.6 and result.detection.on_threshold == pytest.approx(0.2)
    assert read_checkpoint(result.best_checkpoint)["global_step"] == 6
    assert read_checkpoint(result.last_checkpoint)["global_step"] == 12


class Elsewhere(SingleDeviceStrategy):
    """The CPU as long as it trains, and then a device that shows who returns to it."""

    root = torch.device("cpu")

    @property
    def root_device(self):
        return self.root

    def teardown(self):
        super().teardown()
        self.root = torch.device("meta")


def test_the_network_ends_on_the_device_it_was_trained_on(tmp_path, rows, cache):
    network = tiny.TinyNetwork()
    options = replace(QUICK, strategy=Elsewhere())
    tiny.run(tmp_path, rows, cache, trainer=options, network=network)
    assert {weight.device.type for weight in network.parameters()} == {"meta"}


def test_an_undefined_score_is_logged_as_such_and_is_worse_than_any(tmp_path, rows, cache, caplog):
    options = TrainerOptions(max_epochs=3, accelerator="cpu", limit_train_batches=1)
    score = Scripted(math.nan, 0.0, math.nan)
    metrics = MetricsFile(tmp_path / "metrics.csv")
    result = tiny.run(tmp_path, rows, cache, trainer=options, score=score, loggers=[metrics])
    assert result.best_metric == 0.0 and result.detection.on_threshold == pytest.approx(0.2)
    logged = [value for _, name, value in read_metrics(metrics.path) if name == "val/event_f1"]
    assert logged == pytest.approx([math.nan, 0.0, math.nan], nan_ok=True)
    assert caplog.text.count("val/event_f1 is undefined at step") == 2


def test_a_run_whose_score_is_never_defined_keeps_its_last_weights(tmp_path, rows, cache):
    options = TrainerOptions(max_epochs=5, accelerator="cpu", limit_train_batches=1)
    callbacks = tiny.callback_set(
        tmp_path, early_stopping=EarlyStopping("val/event_f1", patience=2)
    )
    score = Scripted(math.nan, math.nan)
    result = tiny.run(tmp_path, rows, cache, trainer=options, score=score, callbacks=callbacks)
    assert result.best_metric is None and result.best_checkpoint == result.last_checkpoint
    assert len(result.history) == 2


def test_a_finished_run_resumed_gives_the_same_result_and_trains_no_more(tmp_path, rows, cache):
    first = tiny.run(tmp_path, rows, cache, trainer=QUICK)
    network = tiny.TinyNetwork()
    again = tiny.run(tmp_path, rows, cache, trainer=QUICK, network=network, resume=True)
    assert again == first
    assert read_checkpoint(again.last_checkpoint)["global_step"] == 2


def test_early_stopping_ends_the_run_and_it_stays_ended(tmp_path, rows, cache):
    options = TrainerOptions(max_epochs=9, accelerator="cpu", limit_train_batches=2)

    def run(**changes):
        callbacks = tiny.callback_set(
            tmp_path, early_stopping=EarlyStopping("val/event_f1", patience=2)
        )
        return tiny.run(tmp_path, rows, cache, trainer=options, callbacks=callbacks, **changes)

    first = run(score=Scripted(0.5, 0.6, 0.6, 0.1))
    assert len(first.history) == 4
    assert run(score=Scripted(), resume=True).history == first.history


def test_validation_every_other_epoch_does_not_use_up_patience(tmp_path, rows, cache):
    options = TrainerOptions(max_epochs=5, accelerator="cpu", limit_train_batches=1)
    callbacks = tiny.callback_set(
        tmp_path, early_stopping=EarlyStopping("val/event_f1", patience=2), every_n_epochs=2
    )
    score = Scripted(0.5, 0.4, 0.6)
    result = tiny.run(tmp_path, rows, cache, trainer=options, callbacks=callbacks, score=score)
    assert [entry["epoch"] for entry in result.history] == [2, 4, 5]
    assert result.best_metric == 0.6


def test_a_monitor_that_does_not_exist_is_refused(tmp_path, rows, cache):
    callbacks = tiny.callback_set(tmp_path, "val/evnt_f1")
    with pytest.raises(InvalidOption, match="val/event_f1.*got monitor val/evnt_f1"):
        tiny.run(tmp_path, rows, cache, callbacks=callbacks, trainer=QUICK)


def test_splits_without_what_they_need_are_refused(tmp_path, rows, cache):
    def run(rows):
        tiny.run(tmp_path, rows, cache, trainer=QUICK)

    with pytest.raises(NotFound, match="recordings in the split val; got splits: train"):
        run([row for row in rows if row.split == "train"])
    with pytest.raises(InvalidInput, match="at least one window with a seizure"):
        run([row if row.split == "val" else replace(row, events=[]) for row in rows])
    with pytest.raises(InvalidInput, match="3 recordings, none with one"):
        run([row if row.split == "train" else replace(row, events=[]) for row in rows])
    for split, purpose in (("train", "training"), ("val", "validation")):
        with pytest.raises(InvalidInput, match=f"annotated recordings for {purpose}"):
            run([row if row.split != split else replace(row, events=None) for row in rows])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": tiny.TinyNetwork(width=6)}, "network: "),
        ({"seed": 4}, "seed: 3 in the checkpoint, 4 here"),
        ({"trainer": replace(QUICK, max_epochs=2)}, "n_steps: 2 in the checkpoint, 4 here"),
        ({"trainer": replace(QUICK, accumulate_grad_batches=2)}, "accumulate: 1 in the"),
        ({"windowing": replace(tiny.WINDOWING, stride_s=2.0)}, "windows: "),
        ({"rows": "fewer"}, "data: "),
    ],
)
def test_a_checkpoint_of_another_run_is_not_continued(tmp_path, rows, cache, change, message):
    tiny.run(tmp_path, rows, cache, trainer=QUICK)
    if change.get("rows") == "fewer":
        change = {"rows": rows[1:]}
    given = {"rows": rows, "trainer": QUICK} | change
    with pytest.raises(InvalidInput, match=message):
        tiny.run(tmp_path, given.pop("rows"), cache, resume=True, **given)


def test_nothing_to_resume_is_refused(tmp_path, rows, cache):
    with pytest.raises(NotFound, match="none in"):
        tiny.run(tmp_path, rows, cache, trainer=QUICK, resume=True)


def test_the_configuration_travels_in_the_checkpoint(tmp_path, rows, cache):
    result = tiny.run(tmp_path, rows, cache, trainer=QUICK, configuration={"model": {"width": 4}})
    assert read_checkpoint(result.best_checkpoint)["configuration"] == {"model": {"width": 4}}


def test_frozen_parameters_stay_and_the_others_move(tmp_path, rows, cache):
    network = tiny.TinyNetwork()
    before = {name: value.clone() for name, value in network.named_parameters()}
    options = replace(QUICK, freeze=["mix.*"])
    tiny.run(tmp_path, rows, cache, trainer=options, network=network)
    moved = {name for name, value in network.named_parameters() if not value.equal(before[name])}
    assert moved == {"norm.weight", "norm.bias", "head.weight", "head.bias"}


def test_recomputing_gives_the_same_gradients_under_the_same_names(rows):
    torch.manual_seed(0)
    network = tiny.TinyNetwork()
    eeg = torch.randn(2, 19, 256)

    def gradients():
        network.zero_grad()
        torch.manual_seed(1)
        network(eeg).square().mean().backward()
        return {name: value.grad.clone() for name, value in network.named_parameters()}

    before, names = gradients(), list(network.state_dict())
    checkpoint_children(network)
    after = gradients()
    assert list(network.state_dict()) == names
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_weighted_spans_change_what_is_learnt(tmp_path, rows, cache):
    spans = {row.recording_id: WeightedSpans(torch.tensor([[0, 640]]).numpy(), 5.0) for row in rows}
    weights = []
    for name, given in (("plain", None), ("weighted", spans)):
        torch.manual_seed(0)
        network = tiny.TinyNetwork()
        tiny.run(tmp_path / name, rows, cache, trainer=QUICK, network=network, weights=given)
        weights.append(network.head.weight.detach().clone())
    assert not torch.equal(*weights)


def test_seeds_of_neighbouring_steps_have_nothing_in_common():
    seeds = {
        step_seed(seed, epoch, batch, rank)
        for seed in range(5)
        for epoch in range(5)
        for batch in range(20)
        for rank in range(2)
    }
    assert len(seeds) == 1000 and all(0 <= seed < 2**63 for seed in seeds)
    ones = [bin(seed).count("1") for seed in seeds]
    assert 30 < sum(ones) / len(ones) < 33


def test_patience_below_one_is_refused():
    with pytest.raises(InvalidOption, match="patience of 1 or more"):
        EarlyStopping("val/event_f1", patience=0)
