"""Windows of a run that arrives in chunks are those of the run cut as a recording."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.data.windows.index import Windowing
from brainbrr.signal.windows import read_window, stitch, window_spans
from brainbrr.streaming.live_preparation import PreparedChunk
from brainbrr.streaming.live_windows import LiveWindows, RunningScale

WINDOWING = Windowing(8.0, 2.0, 0.5)
LENGTH, STRIDE = WINDOWING.length, WINDOWING.stride


class FixedScale:
    """Stands in for `RunningScale`, whose counts are large."""

    def add(self, chunk):
        pass

    def read(self):
        return np.zeros(19, np.float32), np.ones(19, np.float32)


def backend(windows):
    """Depends on a sample's value and on its position in the window."""
    level = windows.eeg.astype(np.float32).mean(axis=1) / 1000
    return (0.4 + level + np.linspace(0, 0.2, LENGTH, dtype=np.float32)).astype(np.float32)


def run_of(n_samples):
    return np.random.default_rng(n_samples).integers(-300, 300, (19, n_samples)).astype(np.int16)


def live(settle=LENGTH, scale=None):
    return LiveWindows(WINDOWING, settle, backend, scale or FixedScale())


def chunks_of(eeg, sizes, observed=None):
    observed = np.ones(19, bool) if observed is None else observed
    return [PreparedChunk(part, observed) for part in np.split(eeg, np.cumsum(sizes), axis=1)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.lists(st.integers(0, 30), max_size=8))
def test_a_run_in_chunks_is_stitched_as_a_recording_is(n_samples, sizes):
    eeg, windows, fixed = run_of(n_samples), live(), []
    for chunk in chunks_of(eeg, sizes):
        fixed += [score.fixed for score in windows.push(chunk)]
    fixed.append(windows.finish().fixed)
    spans = window_spans(np.array([[0, n_samples]]), LENGTH, STRIDE)
    parts = [read_window(eeg, span, LENGTH)[0] for span in spans]
    probability = backend(PreparedChunk(np.stack(parts), None))
    expected = stitch(probability, spans, n_samples, np.array([[0, n_samples]]))
    np.testing.assert_allclose(np.concatenate(fixed), expected, atol=1e-6)


def test_fixed_and_provisional_reach_the_newest_sample():
    windows, n_fixed = live(), 0
    for chunk in chunks_of(run_of(64), [STRIDE] * 15):
        for score in windows.push(chunk):
            n_fixed += score.fixed.size
            assert n_fixed + score.provisional.size == windows.n_in == windows.n_scored
            assert n_fixed <= max(windows.n_in - LENGTH, 0)
    assert windows.n_held == LENGTH
    assert n_fixed == 64 - LENGTH


def test_a_window_leaves_out_electrodes_that_were_bad_in_most_of_it():
    windows, observed = live(), np.ones(19, bool)
    observed[4] = False
    windows.push(PreparedChunk(run_of(9), observed))
    windows.push(PreparedChunk(run_of(7), np.ones(19, bool)))
    assert not windows.newest().observed[4]
    assert windows.newest().observed.sum() == 18
    (score,) = windows.push(PreparedChunk(run_of(STRIDE), np.ones(19, bool)))
    assert score.n_electrodes == 19, "5 of 16 samples are bad: fewer than half"


def test_a_run_without_electrodes_is_no_seizure():
    windows = live()
    scores = windows.push(PreparedChunk(run_of(24), np.zeros(19, bool)))
    assert all(score.n_electrodes == 0 for score in scores)
    assert not np.concatenate([windows.finish().fixed, scores[-1].provisional]).any()


def test_the_scale_counts_usable_samples_only():
    scale, reference = RunningScale(), RunningScale()
    first, second = run_of(400), run_of(401)
    observed = np.ones(19, bool)
    observed[3] = False
    scale.add(PreparedChunk(first, np.ones(19, bool)))
    scale.add(PreparedChunk(second, observed))
    reference.add(PreparedChunk(first, np.ones(19, bool)))
    center, spread = scale.read()
    assert center[3] == reference.read()[0][3]
    assert spread[3] == reference.read()[1][3]
    both = np.concatenate([first, second], axis=1) * 0.1
    assert center[0] == pytest.approx(np.median(both[0]), abs=0.1)
    assert spread[0] > 0
