import mmap
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.plugins.precision import Precision
from torch import nn

from brainbrr.data.windows.dataset import WindowDataset
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.events.detection import Detection
from brainbrr.events.trace import Trace
from brainbrr.inference.rollout import NonFiniteOutput
from brainbrr.models.input_checks import check_input
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.windows import recorded_spans, stitch, window_spans
from brainbrr.training.datamodule import WindowDataModule
from brainbrr.training.losses import BinaryCrossEntropy
from brainbrr.training.validation import Validation, ValidationScore, on_disk
from tests import tiny_corpus as tiny

EACH_SAMPLE = replace(tiny.WINDOWING, trace_rate_hz=tiny.RATE_HZ)


class Loudness(nn.Module):
    """The EEG of one electrode as logits: what comes out is known."""

    def forward(self, eeg, observed=None):
        assert not self.training
        return eeg[:, 4]


@pytest.fixture
def traces(cache, tmp_path):
    """Rows to the traces that validation computes of them."""

    def compute(
        rows, *, network=None, windowing=EACH_SAMPLE, batch_size=7, on_row=lambda row: None
    ):
        def opened(row, folder):
            on_row(row)
            return np.load(folder / row.cache_file, mmap_mode="r")

        validation = Validation(
            rows, cache, windowing=windowing, options=LoaderOptions(eval_batch_size=batch_size),
            score=lambda traces, references: ValidationScore({}, Detection()),
            loss=BinaryCrossEntropy(), scratch=tmp_path, open_signal=opened,
        )  # fmt: skip
        trainer = SimpleNamespace(global_rank=0, world_size=1, precision_plugin=Precision())
        module = SimpleNamespace(network=Loudness() if network is None else network)
        return validation.predict(trainer, module)[0]

    return compute


def test_traces_are_the_stitched_windows_of_each_recording(rows, cache, traces):
    for row, trace in zip(rows, traces(rows), strict=True):
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


def test_every_recording_has_its_trace_in_order_whatever_the_batch(rows, traces):
    one, other = traces(rows), traces(rows, batch_size=64)
    assert [trace.duration_s for trace in one] == [row.duration_s for row in rows]
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.probability, b.probability)


class Door(Loudness):
    """Refuses windows without an electrode, as the detectors do."""

    def forward(self, eeg, observed=None):
        return super().forward(eeg, check_input(eeg, observed, 19, 16))


def test_a_stretch_without_electrodes_is_no_seizure_and_nobody_is_asked(rows, cache, traces):
    bad = [[name, 40.0, 64.0, "flat"] for name in ELECTRODES]
    blind = replace(rows[0], bad_spans=bad)
    dataset = WindowDataset([blind], cache, tiny.WINDOWING)
    start_s = dataset.index.span[dataset.blind(), 0] / tiny.RATE_HZ
    # Windows of 8 s at every 4 s; one of which more than a half is bad is blind.
    assert start_s.tolist() == [40.0, 44.0, 48.0, 52.0, 56.0]
    (trace,) = traces([blind], network=Door(), batch_size=3)
    (whole,) = traces(rows[:1])
    middle = slice(round(44 * tiny.RATE_HZ), round(60 * tiny.RATE_HZ))
    assert not trace.probability[middle].any() and whole.probability[middle].any()
    before = slice(0, round(40 * tiny.RATE_HZ))
    assert np.allclose(trace.probability[before], whole.probability[before], atol=1e-6)
    module = WindowDataModule(
        cache, [blind, rows[1]], windowing=tiny.WINDOWING, options=LoaderOptions(), seed=0
    )
    dealt = np.unique(np.concatenate([module.sampler(0, 1).epoch(n) for n in range(9)]))
    assert len(dealt) and not set(dealt) & set(np.flatnonzero(dataset.blind()))


def test_a_recording_nobody_can_judge_does_not_end_a_run(rows, traces):
    silent = replace(rows[0], observed=[False] * 19)
    nothing, whole = traces([silent, rows[1]], network=Door())
    assert not nothing.probability.any() and whole.probability.all()


def test_a_recording_is_opened_when_the_one_before_is_nearly_through(rows, traces):
    computed, opened = [0], []

    class Counting(Loudness):
        def forward(self, eeg, observed=None):
            computed[0] += len(eeg)
            return super().forward(eeg, observed)

    traces(rows, network=Counting(), batch_size=4, on_row=lambda _: opened.append(computed[0]))
    n_windows = [len(WindowDataset([row], "", EACH_SAMPLE)) for row in rows]
    before = np.cumsum([0, *n_windows[:-1]])
    # No more than the windows that fill no batch, and the batch that is read ahead, wait.
    assert all(start - 8 < count <= start for start, count in zip(before, opened, strict=True))


def test_a_network_in_training_goes_back_to_it(rows, traces):
    network = Loudness()
    for training in (True, False):
        network.train(training)
        traces(rows[:1], network=network)
        assert network.training is training


def test_a_lower_rate_keeps_the_length_and_the_mean(rows, traces):
    lower_rate = replace(tiny.WINDOWING, trace_rate_hz=8.0)
    for whole, lower in zip(traces(rows), traces(rows, windowing=lower_rate), strict=True):
        assert lower.rate_hz == 8.0 and abs(lower.duration_s - whole.duration_s) < 1 / 8
        assert np.allclose(lower.probability[:4], whole.probability[:16].reshape(4, 4).mean(1))


def test_numbers_that_are_not_finite_are_refused_by_recording(rows, traces):
    network = nn.Sequential()
    network.forward = lambda eeg, _: torch.full((len(eeg), eeg.shape[-1]), torch.nan)
    with pytest.raises(NonFiniteOutput, match="sub-00, the window at 0 s"):
        traces(rows, network=network)


def made(n_values, seed):
    values = np.random.default_rng(seed).random(n_values, dtype=np.float32)
    return Trace(values, 16.0, [[0.0, 0.5]] if seed % 2 else [])


def test_traces_come_back_as_they_were_from_a_file(tmp_path):
    traces = [made(n_values, seed) for seed, n_values in enumerate((5, 1, 1000))]
    kept = on_disk(iter(traces), tmp_path / "run")
    for one, other in zip(traces, kept, strict=True):
        assert np.array_equal(one.probability, other.probability)
        assert (one.rate_hz, one.gaps.tolist()) == (other.rate_hz, other.gaps.tolist())
        assert origin(other.probability) is mmap.mmap
        with pytest.raises(ValueError, match="read-only"):
            other.probability[0] = 0.0


def origin(array):
    """What holds an array's values in the end."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return type(array)


def test_one_trace_at_a_time_is_in_memory(tmp_path):
    made_so_far, alive = [], []

    def traces():
        for seed in range(5):
            trace = made(100, seed)
            made_so_far.append(weakref.ref(trace))
            alive.append(sum(each() is not None for each in made_so_far))
            yield trace
            del trace

    on_disk(traces(), tmp_path)
    assert max(alive) == 2


def test_nothing_is_left_behind(tmp_path):
    kept = on_disk([made(10, 0)], tmp_path)
    assert not list(tmp_path.iterdir()) and kept[0].probability.size == 10
    assert on_disk([], tmp_path) == []
