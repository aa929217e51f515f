"""Windows of a corpus: each once to evaluate, divided among processes, blind ones left out."""

from types import SimpleNamespace

import numpy as np
import pytest

from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.errors import InvalidInput, NotFound
from brainbrr.training.datamodule import WindowDataModule, rows_of_split
from tests import tiny_corpus as tiny

OPTIONS = LoaderOptions(batch_size=4, eval_batch_size=3)


def data_of(rows, cache, **changes):
    return WindowDataModule(cache, rows, windowing=tiny.WINDOWING, options=OPTIONS, **changes)


def on_rank(data, rank, n_ranks):
    data.trainer = SimpleNamespace(global_rank=rank, world_size=n_ranks)
    return data


def windows_of(loader):
    return [number for batch in loader.batch_sampler for number in batch]


@pytest.fixture
def rows():
    return tiny.rows()


@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_every_window_is_evaluated_once_by_one_process(rows, cache, n_ranks):
    whole = windows_of(data_of(rows, cache).val_dataloader())
    assert whole == list(range(len(whole))), "in order"
    parts = [
        windows_of(on_rank(data_of(rows, cache), rank, n_ranks).val_dataloader())
        for rank in range(n_ranks)
    ]
    assert sorted(number for part in parts for number in part) == whole


def test_processes_train_on_different_windows_of_the_same_epoch(rows, cache):
    data = data_of(rows, cache)
    whole = {int(n) for batch in data.sampler(0, 1).batches(0) for n in batch}
    parts = [{int(n) for b in data.sampler(rank, 2).batches(0) for n in b} for rank in (0, 1)]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] <= set(range(len(data.dataset)))
    assert whole


def test_windows_without_an_electrode_are_neither_trained_on_nor_evaluated(rows, cache):
    blind = tiny.row(3, "val", rows[3].duration_s, [], observed=[False] * 19)
    changed = [blind if row.recording_id == blind.recording_id else row for row in rows]
    before = windows_of(data_of(rows, cache).val_dataloader())
    after = windows_of(data_of(changed, cache).val_dataloader())
    assert 0 < len(after) < len(before)
    assert after == before[len(before) - len(after) :], "those of the other recordings are left"


def test_the_fraction_of_seizure_is_that_of_the_epochs_windows(rows, cache):
    data = data_of(rows, cache)
    chosen = data.sampler(0, 1).epoch(OPTIONS.balance.curriculum_epochs)
    labels = np.concatenate(
        [data.dataset[int(n)].label[data.dataset[int(n)].valid] for n in chosen]
    )
    assert data.seizure_fraction == pytest.approx(float(labels.mean()), abs=0.02)


def test_a_split_without_recordings_is_refused_with_those_there_are(rows, cache):
    assert {row.split for row in rows_of_split(rows, "val")} == {"val"}
    with pytest.raises(NotFound, match="recordings in the split test; got splits: train, val"):
        data_of(rows, cache).test_dataloader()
    with pytest.raises(NotFound, match="splits: no recordings"):
        rows_of_split([], "train")


def test_recordings_without_labels_are_not_trained_on(rows, cache):
    unlabelled = [tiny.row(0, "train", 120.0, None), *rows[1:]]
    with pytest.raises(InvalidInput, match="training"):
        data_of(unlabelled, cache)
