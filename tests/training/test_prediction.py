from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from brainbrr.training.prediction import NonFiniteLogits, predict_traces
from torch import nn

from brainbrr.data.windows.dataset import WindowDataset
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.models.input_checks import check_input
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.windows import recorded_spans, stitch, window_spans
from brainbrr.training.datamodule import WindowDataModule
from tests import tiny_corpus as tiny


class Loudness(nn.Module):
    """The EEG of one electrode as logits: what comes out is known."""

    def forward(self, eeg, observed=None):
        assert not self.training
        return eeg[:, 4]


def traces(rows, cache, **changes):
    options = {"windowing": tiny.WINDOWING, "options": LoaderOptions(eval_batch_size=7)}
    return list(predict_traces(Loudness(), rows, cache, **(options | changes)))


def test_traces_are_the_stitched_windows_of_each_recording(rows, cache):
    for row, trace in traces(rows, cache):
        signal = np.load(cache / row.cache_file)[4] * np.float32(0.1) / 10
        probability = 1 / (1 + np.exp(-np.clip(signal, -20, 20)))
        recorded = recorded_spans(len(signal), tiny.RATE_HZ, row.gap_intervals)
        spans = window_spans(recorded, tiny.WINDOWING.length, tiny.WINDOWING.stride)
        windows = np.zeros((len(spans), tiny.WINDOWING.length), dtype=np.float32)
        for place, (start, stop) in enumerate(spans):
            windows[place, : stop - start] = probability[start:stop]
        expected = stitch(windows, spans, len(signal), recorded)
        assert np.allclose(trace.probability, expected, atol=1e-6)
        assert trace.gaps.tolist() == row.gaps


def test_every_recording_has_its_trace_in_order_whatever_the_batch(rows, cache):
    one = traces(rows, cache)
    other = traces(rows, cache, options=LoaderOptions(eval_batch_size=64))
    assert [row.recording_id for row, _ in one] == [row.recording_id for row in rows]
    for (_, a), (_, b) in zip(one, other, strict=True):
        assert np.array_equal(a.probability, b.probability)


class Door(Loudness):
    """Refuses windows without an electrode, as the detectors do."""

    def forward(self, eeg, observed=None):
        return super().forward(eeg, check_input(eeg, observed, 19, 16))


def test_a_stretch_without_electrodes_is_no_seizure_and_nobody_is_asked(rows, cache):
    bad = [[name, 40.0, 64.0, "flat"] for name in ELECTRODES]
    blind = replace(rows[0], bad_spans=bad)
    dataset = WindowDataset([blind], cache, tiny.WINDOWING)
    start_s = dataset.index.span[dataset.blind(), 0] / tiny.RATE_HZ
    # Windows of 8 s at every 4 s; one of which more than a half is bad is blind.
    assert start_s.tolist() == [40.0, 44.0, 48.0, 52.0, 56.0]
    ((_, trace),) = predict_traces(
        Door(), [blind], cache, windowing=tiny.WINDOWING, options=LoaderOptions(eval_batch_size=3)
    )
    ((_, whole),) = traces(rows[:1], cache)
    middle = slice(round(44 * tiny.RATE_HZ), round(60 * tiny.RATE_HZ))
    assert not trace.probability[middle].any() and whole.probability[middle].any()
    before = slice(0, round(40 * tiny.RATE_HZ))
    assert np.allclose(trace.probability[before], whole.probability[before], atol=1e-6)
    module = WindowDataModule(
        [blind, rows[1]], cache, windowing=tiny.WINDOWING, options=LoaderOptions(), seed=0
    )
    dealt = np.unique(np.concatenate([module.sampler(0, 1).epoch(n) for n in range(9)]))
    assert len(dealt) and not set(dealt) & set(np.flatnonzero(dataset.blind()))


def test_a_trace_comes_as_soon_as_its_recording_is_through(rows, cache):
    seen = []
    predicted = predict_traces(
        Loudness(), rows, cache, windowing=tiny.WINDOWING,
        options=LoaderOptions(eval_batch_size=4),
        on_batch=lambda logits, batch: seen.append(int(batch.recording.max())),
    )  # fmt: skip
    next(predicted)
    assert seen[-1] == 1


def test_a_network_in_training_goes_back_to_it(rows, cache):
    network = nn.Sequential()
    network.forward = lambda eeg, observed: eeg[:, 0]
    for training in (True, False):
        network.train(training)
        list(
            predict_traces(
                network, rows[:1], cache, windowing=tiny.WINDOWING, options=LoaderOptions()
            )
        )
        assert network.training is training


def test_a_lower_rate_keeps_the_length_and_the_mean(rows, cache):
    for (_, whole), (_, lower) in zip(
        traces(rows, cache), traces(rows, cache, trace_rate_hz=8.0), strict=True
    ):
        assert lower.rate_hz == 8.0 and abs(lower.duration_s - whole.duration_s) < 1 / 8
        assert np.allclose(lower.probability[:4], whole.probability[:16].reshape(4, 4).mean(1))


def test_numbers_that_are_none_are_refused_by_recording(rows, cache):
    def forward(eeg, observed):
        return torch.where(eeg[:, :1, 0] > -99, torch.nan, 0.0).expand(-1, eeg.shape[-1])

    network = nn.Sequential()
    network.forward = forward
    options = SimpleNamespace(windowing=tiny.WINDOWING, options=LoaderOptions())
    with pytest.raises(NonFiniteLogits, match="first in sub-00"):
        list(predict_traces(network, rows, cache, **vars(options)))
