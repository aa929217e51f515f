"""The parts of training with Lightning's own trainer, as a notebook uses them."""

import re
from textwrap import dedent

import lightning
import pytest
import torch

import brainbrr
import brainbrr.training
from brainbrr.data.corpora.manifest import write_manifest
from brainbrr.errors import NotFound
from brainbrr.training.validation import Validation
from tests import tiny_corpus as tiny

# Lightning's own use of torch, and its advice.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]
OPTIONS = brainbrr.LoaderOptions(batch_size=4, eval_batch_size=16)
QUIET = {
    "accelerator": "cpu", "logger": False, "enable_checkpointing": False,
    "enable_progress_bar": False, "enable_model_summary": False,
}  # fmt: skip


@pytest.fixture
def corpus(tmp_path):
    """A cache folder whose manifest has all three splits."""
    rows = tiny.corpus(tmp_path / "cache")
    rows[7] = tiny.row(7, "test", rows[7].duration_s, rows[7].events)
    write_manifest(rows, tmp_path / "cache" / "manifest.jsonl")
    return tmp_path / "cache"


@pytest.fixture
def data(corpus):
    return brainbrr.WindowDataModule(corpus, windowing=tiny.WINDOWING, options=OPTIONS)


def seizure_module(data, **options):
    loss = brainbrr.FocalLoss(rate_hz=tiny.RATE_HZ).for_seizure_fraction(data.seizure_fraction)
    return brainbrr.SeizureModule(tiny.TinyNetwork(), loss, **options)


def test_weights_move_losses_are_logged_and_the_checkpoint_loads_back(tmp_path, data):
    module = seizure_module(data)
    before = {name: value.clone() for name, value in module.network.state_dict().items()}
    trainer = lightning.Trainer(max_epochs=2, limit_train_batches=3, **QUIET)
    trainer.fit(module, data)
    assert trainer.global_step == 6 and trainer.callback_metrics["val/loss"] > 0
    assert not any(value.equal(before[name]) for name, value in module.network.state_dict().items())
    (tested,) = trainer.test(module, data, verbose=False)
    assert tested["test/loss"] > 0
    trainer.save_checkpoint(tmp_path / "tiny.ckpt")
    again = brainbrr.SeizureModule.load_from_checkpoint(
        tmp_path / "tiny.ckpt", network=tiny.TinyNetwork()
    )
    for name, value in module.network.state_dict().items():
        assert value.equal(again.network.state_dict()[name])


def test_the_schedule_spans_the_steps_of_the_trainer(data):
    rates = []

    class Rates(lightning.Callback):
        def on_train_batch_start(self, trainer, *_):
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    trainer = lightning.Trainer(
        max_epochs=2, limit_train_batches=4, accumulate_grad_batches=2, callbacks=[Rates()], **QUIET
    )
    trainer.fit(seizure_module(data), data)
    full = brainbrr.training.module.DEFAULT_OPTIMIZER.keywords["lr"]
    # Four optimizer steps, the first of them the whole warm-up, the last at the final fraction.
    assert rates[0] == rates[1] == pytest.approx(full) and rates[2] == pytest.approx(full)
    assert rates[-1] == pytest.approx(0.01 * full)


def test_the_mean_loss_is_that_of_the_recordings_samples(data, corpus):
    module = seizure_module(data)
    trainer = lightning.Trainer(**QUIET)
    (validated,) = trainer.validate(module, data, verbose=False)
    validation = Validation(
        [row for row in data.rows if row.split == "val"],
        corpus,
        windowing=tiny.WINDOWING,
        options=OPTIONS,
        score=lambda traces, references: None,
        loss=module.loss,
        scratch=corpus / "scratch",
    )
    _, loss = validation.predict(trainer, module)
    assert validated["val/loss"] == pytest.approx(loss, rel=1e-5)


def test_a_split_without_recordings_is_refused(corpus):
    rows = [row for row in tiny.rows() if row.split == "val"]
    with pytest.raises(NotFound, match="recordings in the split train; got splits: val"):
        brainbrr.WindowDataModule(corpus, rows, windowing=tiny.WINDOWING)
    data = brainbrr.WindowDataModule(corpus, tiny.rows(), windowing=tiny.WINDOWING)
    with pytest.raises(NotFound, match="recordings in the split test"):
        data.test_dataloader()


def test_the_snippet_of_the_package_runs_as_it_stands(tmp_path, monkeypatch):
    rows = [
        tiny.row(number, split, 70.0, [[20.0, 25.0, "sz"]])
        for number, split in enumerate(("train", "train", "val", "test"))
    ]
    for row in rows:
        tiny.write_signal(row, tmp_path / "cache", rate_hz=256.0)
    write_manifest(rows, tmp_path / "cache" / "manifest.jsonl")
    monkeypatch.chdir(tmp_path)
    text = brainbrr.training.__doc__
    code = dedent(text[text.index("    import lightning") :])
    assert len(re.findall(r"^\S", code, re.M)) <= 20
    names = {}
    exec(compile(code, "snippet", "exec"), names)
    trained, again = names["module"].network.state_dict(), names["again"].network.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in trained.items())
