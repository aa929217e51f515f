import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.windows.index import (
    Kind,
    Windowing,
    bad_samples,
    index_windows,
    observed_in,
    require_labels,
    seizure_samples,
)
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.events.intervals import to_mask
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from tests import tiny_corpus as tiny


@given(
    duration_s=st.floats(1.0, 60.0),
    events=st.lists(st.tuples(st.floats(-5.0, 60.0), st.floats(0.1, 30.0)), max_size=4),
    gap=st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 10.0)),
)
def test_kinds_are_what_counting_samples_says(duration_s, events, gap):
    gaps = [[gap[0], gap[0] + gap[1]]] if gap[1] > 0.5 and gap[0] + gap[1] < duration_s - 1 else []
    row = tiny.row(0, "train", duration_s, [[on, long, "sz"] for on, long in events], gaps=gaps)
    index = index_windows([row], tiny.WINDOWING)
    n_samples = round(duration_s * tiny.RATE_HZ)
    mask = to_mask(row.annotation.seizure_intervals, n_samples, tiny.RATE_HZ)
    for (start, stop), kind, n_seizure in zip(
        index.span, index.kind, index.seizure_samples, strict=True
    ):
        inside = mask[start:stop]
        assert n_seizure == inside.sum()
        expected = Kind.FULL if inside.all() else Kind.PARTIAL if inside.any() else Kind.NONE
        assert kind == expected


def test_only_seizures_count_and_overlapping_ones_count_once():
    events = [[2.0, 4.0, "sz_foc"], [3.0, 4.0, "sz"], [10.0, 5.0, "bckg"]]
    row = tiny.row(0, "train", 30.0, events)
    assert (seizure_samples(row, tiny.RATE_HZ) / tiny.RATE_HZ).tolist() == [[2.0, 7.0]]


def test_windows_of_several_recordings_keep_their_order():
    rows = tiny.rows()
    index = index_windows(rows, tiny.WINDOWING)
    assert np.all(np.diff(index.recording) >= 0)
    assert set(index.recording) == set(range(len(rows)))
    short = index.recording == 8
    assert index.n_samples[short].tolist() == [round(5.0 * tiny.RATE_HZ)]
    gap = (np.array([20.0, 30.0]) * tiny.RATE_HZ).astype(int)
    with_gap = index.span[index.recording == 9]
    assert not np.any((with_gap[:, 0] < gap[1]) & (with_gap[:, 1] > gap[0]))


def test_no_rows_give_no_windows():
    assert len(index_windows([], tiny.WINDOWING)) == 0


def test_an_electrode_bad_for_most_of_a_window_is_absent_there_only():
    bad = [["Cz", 10.0, 19.0, "flat"], ["O1", 10.0, 11.0, "saturated"]]
    row = tiny.row(0, "train", 40.0, [], bad_spans=bad)
    index = index_windows([row], tiny.WINDOWING)
    observed = observed_in(
        row.observed_mask, bad_samples(row.bad_spans, tiny.RATE_HZ), index.span, 0.5
    )
    starts_s = index.span[:, 0] / tiny.RATE_HZ
    absent = np.flatnonzero(~observed[:, ELECTRODES.index("Cz")])
    assert starts_s[absent].tolist() == [8.0, 12.0]
    assert observed[:, ELECTRODES.index("O1")].all()
    assert observed.shape == (len(index), N_ELECTRODES)


def test_unlabelled_is_not_the_same_as_without_seizures():
    rows = [tiny.row(0, "train", 30.0, []), tiny.row(1, "train", 30.0, None)]
    require_labels(rows[:1], "training")
    with pytest.raises(InvalidInput, match="1 of 2 without, sub-01 first"):
        require_labels(rows, "training")


@pytest.mark.parametrize("stride_s", [0.0, 61.0, 0.001])
def test_a_stride_that_leaves_holes_is_refused(stride_s):
    with pytest.raises(InvalidOption, match="0 < stride <= window"):
        Windowing(rate_hz=256.0, window_s=60.0, stride_s=stride_s)


def test_the_index_reads_no_signal_and_half_a_million_windows_take_seconds():
    generator = np.random.default_rng(0)
    rows = [
        tiny.row(n, "train", 830.0, [[float(generator.uniform(0, 700)), 60.0, "sz"]])
        for n in range(650)
    ]
    began_s = time.process_time()
    index = index_windows(rows, Windowing(rate_hz=256.0, window_s=60.0, stride_s=10.0))
    assert len(index) == 650 * 78
    # A tenth of the largest public corpus; a generous bound on its share of ten seconds.
    assert time.process_time() - began_s < 2.0


def test_one_scale_replaces_every_electrode_s_own():
    own = Windowing(256.0, 60.0, 10.0), [1.0, 2.0], [10.0, 30.0]
    center, scale = own[0].scaling(*own[1:])
    assert center.tolist() == [1.0, 2.0] and scale.tolist() == [10.0, 30.0]
    center, scale = Windowing(256.0, 60.0, 10.0, scale_uv=15.0).scaling(*own[1:])
    assert center.tolist() == [0.0, 0.0] and scale.tolist() == [15.0, 15.0]
    assert center.dtype == scale.dtype == np.float32


@pytest.mark.parametrize("scale_uv", [0.0, -1.0])
def test_a_scale_must_be_positive(scale_uv):
    with pytest.raises(InvalidOption, match="a positive scale in microvolts"):
        Windowing(256.0, 60.0, 10.0, scale_uv=scale_uv)
