from types import SimpleNamespace

import numpy as np
import pytest
import torch

from brainbrr.data.windows.dataset import WindowDataset
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.events.detection import Detection
from brainbrr.models.scaling import standardize
from brainbrr.training.losses import BinaryCrossEntropy
from brainbrr.training.trainer_options import TrainerOptions
from brainbrr.training.validation import Validation, ValidationScore, gather
from tests import tiny_corpus as tiny


def test_its_loss_is_the_mean_over_all_recorded_samples_of_all_windows(tmp_path, rows, cache):
    network = tiny.TinyNetwork()
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=1)
    loss = BinaryCrossEntropy(positive_weight=1.0)
    result = tiny.run(tmp_path, rows, cache, network=network, trainer=options, loss=loss)
    validating = [row for row in rows if row.split == "val"]
    dataset = WindowDataset(validating, cache, tiny.WINDOWING)
    batch = dataset.__getitems__(range(len(dataset)))
    with torch.no_grad():
        eeg = standardize(batch.eeg, batch.observed, batch.center_uv, batch.scale_uv)
        logits = network.eval()(eeg, batch.observed)[batch.valid]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, batch.label[batch.valid].float()
    )
    assert result.history[-1]["val/loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_traces_are_kept_at_the_reduced_rate_and_scored_with_their_annotations(
    tmp_path, rows, cache
):
    seen = {}

    def score(traces, references):
        seen.update(traces=traces, references=references)
        return ValidationScore({"event_f1": 0.5}, Detection(on_threshold=0.3, off_threshold=0.2))

    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=1)
    result = tiny.run(tmp_path, rows, cache, trainer=options, score=score)
    validating = [row for row in rows if row.split == "val"]
    assert [trace.rate_hz for trace in seen["traces"]] == [16.0] * len(validating)
    for trace, row in zip(seen["traces"], validating, strict=True):
        assert abs(trace.duration_s - row.duration_s) < 1 / 16
        assert trace.gaps.tolist() == row.gaps
    assert seen["references"] == [row.annotation for row in validating]
    assert result.detection == Detection(on_threshold=0.3, off_threshold=0.2)


def test_processes_give_back_the_recordings_in_their_order():
    parts = [(["a", "c", "e"], torch.tensor([1.0, 2.0])), (["b", "d"], torch.tensor([3.0, 4.0]))]
    traces, total = gather(parts, 5)
    assert traces == list("abcde") and total.tolist() == [4.0, 6.0]


def test_what_was_validated_is_remembered(tmp_path, rows, cache):
    def validation():
        return Validation(
            rows, cache, windowing=tiny.WINDOWING, options=LoaderOptions(),
            score=lambda traces, references: ValidationScore({}, Detection()),
            loss=BinaryCrossEntropy(), scratch=tmp_path,
        )  # fmt: skip

    one, other = validation(), validation()
    other.load_state_dict(one.state_dict())
    assert other.detection is None and other.history == []
    one.detection = Detection(on_threshold=0.7, off_threshold=0.1)
    one.history.append({"epoch": 1.0})
    other.load_state_dict(one.state_dict())
    assert other.detection == one.detection and other.history == one.history


def test_only_the_epochs_whose_turn_it_is_are_validated(tmp_path, rows, cache, monkeypatch):
    validation = Validation(
        rows, cache, windowing=tiny.WINDOWING, options=LoaderOptions(),
        score=lambda traces, references: ValidationScore({}, Detection()),
        loss=BinaryCrossEntropy(), scratch=tmp_path, every_n_epochs=3,
    )  # fmt: skip
    monkeypatch.setattr(validation, "predict", lambda *_: ([], np.float64(0.0)))
    trainer = SimpleNamespace(
        callbacks=[], loggers=[], callback_metrics={}, global_step=0, max_epochs=7
    )
    for epoch in range(7):
        trainer.current_epoch = epoch
        validation.on_train_epoch_end(trainer, None)
    assert [entry["epoch"] for entry in validation.history] == [3, 6, 7]
