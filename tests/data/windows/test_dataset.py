import pickle

import numpy as np
import pytest
import torch

from brainbrr.data.corpora.cache import StaleCache
from brainbrr.data.windows import dataset as window_dataset
from brainbrr.data.windows.dataset import WeightedSpans, WindowDataset, reviewed_spans
from brainbrr.events.intervals import to_mask
from tests import tiny_corpus as tiny


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    tiny.corpus(folder)
    return folder


def test_a_batch_is_the_signal_its_labels_and_what_is_padding(cache):
    rows = tiny.rows()
    dataset = WindowDataset(rows, cache, tiny.WINDOWING)
    chosen = [0, 7, 30, len(dataset) - 1, int(np.flatnonzero(dataset.index.recording == 8)[0])]
    batch = dataset.__getitems__(chosen)
    assert batch.eeg.dtype == torch.int16 and batch.eeg.shape == (5, 19, 256)
    for place, window in enumerate(chosen):
        recording = int(dataset.index.recording[window])
        start, stop = dataset.index.span[window]
        signal = np.load(cache / rows[recording].cache_file)
        mask = to_mask(rows[recording].annotation.seizure_intervals, signal.shape[1], tiny.RATE_HZ)
        width = stop - start
        assert np.array_equal(batch.eeg[place, :, :width], signal[:, start:stop])
        assert not batch.eeg[place, :, width:].any()
        assert np.array_equal(batch.label[place, :width], mask[start:stop])
        assert batch.valid[place].sum() == width and batch.valid[place, :width].all()
        assert (batch.recording[place], batch.start[place]) == (recording, start)
    assert batch.window.tolist() == chosen


def test_a_single_window_is_a_batch_of_one(cache):
    dataset = WindowDataset(tiny.rows(), cache, tiny.WINDOWING)
    for one, same in zip(dataset[5], dataset.__getitems__([5]), strict=True):
        assert torch.equal(one, same)


def test_bad_spans_make_an_electrode_absent_in_its_windows(cache):
    rows = [tiny.row(0, "train", 120.0, [], bad_spans=[["Fz", 0.0, 8.0, "flat"]])]
    batch = WindowDataset(rows, cache, tiny.WINDOWING).__getitems__([0, 5])
    absent = (~batch.observed).nonzero().tolist()
    assert absent == [[0, 8]]


def test_weighted_spans_weigh_their_samples(cache):
    rows = tiny.rows()
    spans = WeightedSpans(np.array([[64, 128]]), 3.0)
    dataset = WindowDataset(rows, cache, tiny.WINDOWING, weights={"sub-00": spans})
    batch = dataset.__getitems__([0, len(dataset) - 1])
    assert batch.weight[0].unique().tolist() == [1.0, 3.0]
    assert batch.weight[0].nonzero().numel() and (batch.weight[0, 64:128] == 3.0).all()
    assert (batch.weight[1] == 1.0).all()


def test_files_stay_below_the_limit_of_open_ones(cache, monkeypatch):
    monkeypatch.setattr(window_dataset, "OPEN_RECORDINGS", 2)
    opened = []

    def open_signal(row, folder):
        opened.append(row.recording_id)
        return np.load(folder / row.cache_file, mmap_mode="r")

    dataset = WindowDataset(tiny.rows(), cache, tiny.WINDOWING, open_signal=open_signal)
    first = [int(np.flatnonzero(dataset.index.recording == n)[0]) for n in (0, 1, 0, 2, 0, 1)]
    dataset.__getitems__(first)
    assert opened == ["sub-00", "sub-01", "sub-02", "sub-01"]


def test_memory_maps_do_not_travel_to_workers(cache):
    dataset = WindowDataset(tiny.rows(), cache, tiny.WINDOWING)
    before = len(pickle.dumps(dataset))
    dataset.__getitems__(range(0, len(dataset), 10))
    assert abs(len(pickle.dumps(dataset)) - before) < 1000


def test_a_signal_of_another_length_than_its_row_is_stale(cache):
    rows = [tiny.row(0, "train", 99.0, [])]
    with pytest.raises(StaleCache, match="3168 samples of sub-00.*got 3840"):
        WindowDataset(rows, cache, tiny.WINDOWING).__getitems__([0])


def test_a_missing_signal_is_stale(tmp_path):
    with pytest.raises(StaleCache, match="sub-00"):
        WindowDataset([tiny.row(0, "train", 99.0, [])], tmp_path, tiny.WINDOWING).__getitems__([0])


def test_reviewed_segments_are_united_and_end_with_the_recording() -> None:
    rows = [tiny.row(0, "train", 100.0, []), tiny.row(1, "train", 100.0, [])]
    reviewed_s = {"sub-00": [(10.0, 20.0), (15.0, 30.0), (95.0, 120.0)]}
    spans = reviewed_spans(rows, reviewed_s, weight=3.0, rate_hz=32.0)
    assert set(spans) == {"sub-00"}
    assert (spans["sub-00"].samples / 32).tolist() == [[10.0, 30.0], [95.0, 100.0]]
    assert spans["sub-00"].weight == 3.0
