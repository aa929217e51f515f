"""A stream gives a recording's trace and events, however it is cut, within stated bounds."""

import pickle
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.streaming.detector_stream import DetectorStream
from tests.streaming.stream_reference import (
    DETECTION,
    LABELS,
    TRACE_RATE_HZ,
    WINDOWING,
    batched,
    eeg_with_bursts,
    loudness,
    open_stream,
    trace_live,
)

BIPOLAR = (
    "FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1", "FP2-F4",
    "F4-C4", "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ",
)  # fmt: skip
"""The double banana."""


def heard(stream, chunks):
    """Fixed trace and certain events of chunks and the end; an item that is a number is a gap."""
    updates = [stream.gap(c) if isinstance(c, float) else stream.push(c) for c in chunks]
    updates.append(stream.finish())
    parts = [part for update in updates for part in update.fixed]
    return parts, [event for update in updates for event in update.events]


def joined(parts):
    for before, after in pairwise(parts):
        end_s = before.onset_s + before.probability.size / TRACE_RATE_HZ
        assert after.onset_s == pytest.approx(end_s), "parts follow one another"
    return np.concatenate([part.probability for part in parts])


def cut(eeg_uv, sizes):
    edges = np.clip(np.cumsum([0, *sizes, eeg_uv.shape[1]]), 0, eeg_uv.shape[1])
    return [eeg_uv[:, a:b] for a, b in pairwise(edges)]


def same_events(ours, theirs):
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert our.onset_s == pytest.approx(their.onset_s)
        assert our.duration_s == pytest.approx(their.duration_s)
        assert our.confidence == pytest.approx(their.confidence, abs=1e-6)


@pytest.mark.parametrize(
    ("rate_hz", "labels", "seconds"),
    [(256.0, LABELS, 97.3), (500.0, LABELS, 61.0), (200.0, BIPOLAR, 64.7), (199.8, LABELS, 50.0),
     (1024.0, LABELS[:12], 40.0), (256.0, LABELS, 6.5), (250.0, LABELS, 1.1)],
)  # fmt: skip
def test_equals_the_whole_recording_prepared_alike(rate_hz, labels, seconds):
    eeg_uv = eeg_with_bursts(seconds, rate_hz, len(labels))
    trace, events = trace_live(eeg_uv, labels, rate_hz)
    parts, found = heard(open_stream(labels, rate_hz), cut(eeg_uv, [1, 700, 3, 5000, 40]))
    np.testing.assert_allclose(joined(parts), trace.probability, atol=1e-6)
    same_events(found, events)
    assert seconds < 60 or events


@settings(max_examples=8)
@given(st.lists(st.integers(0, 15_360), max_size=12), st.integers(0, 3))
def test_chunks_change_no_bit(sizes, n_single):
    eeg_uv = eeg_with_bursts(40.0)
    whole_parts, whole_events = heard(open_stream(mains="auto"), [eeg_uv])
    parts, events = heard(open_stream(mains="auto"), cut(eeg_uv, [1] * n_single + sizes))
    np.testing.assert_array_equal(joined(parts), joined(whole_parts))
    assert events == whole_events


def test_mains_found_in_the_first_half_minute_are_notched():
    time_s = np.arange(256 * 70) / 256.0
    eeg_uv = eeg_with_bursts(70.0) + (60.0 * np.sin(2 * np.pi * 50.0 * time_s)).astype("f4")
    trace, events = trace_live(eeg_uv, mains="auto")
    parts, found = heard(open_stream(mains="auto"), cut(eeg_uv, [256] * 60))
    np.testing.assert_allclose(joined(parts), trace.probability, atol=1e-6)
    same_events(found, events)
    unnotched, _ = trace_live(eeg_uv, mains=None)
    assert np.abs(unnotched.probability - trace.probability).max() > 0.05


def test_an_electrode_that_falls_off_is_left_out_and_counts_again_later():
    eeg_uv = eeg_with_bursts(120.0)
    eeg_uv[3, 256 * 40 : 256 * 80] = 7.0
    eeg_uv[5, 256 * 60 : 256 * 66] = np.tile([-3000.0, 3000.0], 256 * 3)
    trace, _ = trace_live(eeg_uv)
    stream, counts, parts = open_stream(), {}, []
    for second in range(120):
        update = stream.push(eeg_uv[:, second * 256 : (second + 1) * 256])
        counts[second] = update.n_electrodes
        parts += update.fixed
    parts += stream.finish().fixed
    np.testing.assert_allclose(joined(parts), trace.probability, atol=1e-6)
    assert (counts[38], counts[60], counts[110]) == (19, 18, 19)


def test_all_electrodes_off_is_no_signal_and_no_event():
    eeg_uv = eeg_with_bursts(60.0)
    eeg_uv[:, 256 * 20 :] = 0.0
    stream = open_stream()
    update = stream.push(eeg_uv)
    assert update.state == "no signal"
    assert update.n_electrodes == 0
    assert update.provisional.probability[-16:].max() == 0.0


def test_windows_do_not_cross_a_gap():
    first, second = eeg_with_bursts(41.0), eeg_with_bursts(33.0, seed=1)
    parts, events = heard(open_stream(), [first, 90.0, second])
    alone, alone_events = trace_live(first)
    early = [part for part in parts if part.onset_s < 42]
    late = [part for part in parts if part.onset_s > 42]
    np.testing.assert_allclose(joined(early), alone.probability, atol=1e-6)
    assert late[0].onset_s == pytest.approx(131.0)
    assert joined(late).size == 33 * 16
    assert [e.onset_s for e in events if e.onset_s < 42] == [e.onset_s for e in alone_events]
    assert any(e.onset_s > 131 for e in events)


def test_gap_time_stamp_and_nan_say_the_same():
    eeg_uv = eeg_with_bursts(60.0)
    first, second = eeg_uv[:, :7000], eeg_uv[:, 7000:]
    missing = np.full((19, 1280), np.nan, dtype="f4")
    message, told_events = heard(open_stream(), [first, 5.0, second])
    with_nan = heard(open_stream(), [np.concatenate([first, missing, second], axis=1)])
    stream = open_stream()
    updates = [
        stream.push(first, time_s=1000.0),
        stream.push(second, time_s=1000.0 + 7000 / 256 + 5.0),
        stream.finish(),
    ]
    stamped = [part for update in updates for part in update.fixed]
    for parts in (with_nan[0], stamped):
        assert [p.onset_s for p in parts] == pytest.approx([p.onset_s for p in message])
        np.testing.assert_array_equal(
            np.concatenate([p.probability for p in parts]),
            np.concatenate([p.probability for p in message]),
        )
    assert with_nan[1] == told_events


def test_jitter_of_time_stamps_is_no_gap():
    eeg_uv = eeg_with_bursts(40.0)
    stream, plain, generator = open_stream(), open_stream(), np.random.default_rng(0)
    for second in range(40):
        part = eeg_uv[:, second * 256 : (second + 1) * 256]
        stream.push(part, time_s=second + generator.uniform(-0.04, 0.04))
        plain.push(part)
    ours, theirs = stream.finish(), plain.finish()
    assert stream.time_s == plain.time_s == 40.0
    np.testing.assert_array_equal(ours.fixed[-1].probability, theirs.fixed[-1].probability)


def test_microvolts_whatever_the_unit():
    eeg_uv = eeg_with_bursts(30.0)
    in_uv, _ = heard(open_stream(), [eeg_uv])
    in_mv, _ = heard(open_stream(unit="mV"), [eeg_uv.astype(np.float64) / 1000.0])
    np.testing.assert_allclose(joined(in_mv), joined(in_uv), atol=1e-4)


@pytest.mark.parametrize(("hop_s", "settle_s"), [(2.0, None), (4.0, 0.0), (5.0, 2.5), (10.0, 0.0)])
def test_latencies_hold(hop_s, settle_s):
    """Whatever has arrived is looked at, fixed and certain within what the stream says."""
    eeg_uv = eeg_with_bursts(80.0)
    stream = open_stream(hop_s=hop_s, settle_s=settle_s)
    fixed_s, ends = 0.0, {}
    for sample in range(0, eeg_uv.shape[1], 128):
        update = stream.push(eeg_uv[:, sample : sample + 128])
        for part in update.fixed:
            fixed_s = part.onset_s + part.probability.size / 16
        assert update.time_s - update.scored_s <= stream.look_latency_s
        assert update.time_s - fixed_s <= stream.trace_latency_s
        ends |= {event.offset_s: update.time_s for event in update.events}
    assert len(ends) == 2
    assert all(told_s - end_s <= stream.event_latency_s for end_s, told_s in ends.items())
    assert stream.trace_latency_s < stream.event_latency_s


def test_fixing_at_first_sight_averages_what_has_been_seen():
    """With settle_s=0 a value is that of the windows that ended by then."""
    eeg_uv = eeg_with_bursts(40.0)
    parts, _ = heard(open_stream(settle_s=0.0), [eeg_uv])
    all_windows, _ = heard(open_stream(), [eeg_uv])
    assert joined(parts).size == joined(all_windows).size
    assert np.abs(joined(parts) - joined(all_windows)).max() > 0.01
    apart, _ = heard(open_stream(settle_s=0.0, hop_s=10.0), [eeg_uv])
    no_overlap, _ = trace_live(eeg_uv, windowing=replace(WINDOWING, stride_s=10.0))
    np.testing.assert_allclose(joined(apart), no_overlap.probability, atol=1e-6)


def test_what_is_suspected_comes_before_what_is_certain():
    eeg_uv = eeg_with_bursts(60.0)
    stream, first = open_stream(hop_s=1.0), {}
    for sample in range(0, eeg_uv.shape[1], 64):
        update = stream.push(eeg_uv[:, sample : sample + 64])
        if update.suspected and update.state == "seizure":
            first.setdefault("suspected", update.time_s)
        if update.events:
            first.setdefault("certain", update.time_s)
    assert first["suspected"] < 18 + DETECTION.min_duration_s + stream.look_latency_s + 2.0
    assert first["suspected"] < first["certain"] - 3.0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_is_held_in_no_more_than_an_hour():
    """24 h in chunks of a minute, with gaps, bad electrodes and seizures on the way."""
    stream = DetectorStream(
        LABELS[:10], 64.0, unit="uV", windowing=replace(WINDOWING, rate_hz=64.0, stride_s=10.0),
        preparation=Preparation(rate_hz=64.0, high_hz=30.0, mains=None), detection=DETECTION,
        backend=batched(loudness),
    )  # fmt: skip
    minute = eeg_with_bursts(60.0, 64.0, 10)
    flat = minute.copy()
    flat[4] = 0.0
    sizes, n_events = [], 0
    for hour in range(24):
        for chunk in range(60):
            n_events += len(stream.push(flat if (hour + chunk) % 7 == 0 else minute).events)
        n_events += len(stream.gap(30.0).events)
        sizes.append(len(pickle.dumps(stream)))
    assert n_events > 24
    assert stream.time_s == 24 * 3630
    assert max(sizes[1:]) < 1.01 * sizes[0]
    assert max(sizes) < 12e6


def test_memory_of_minutes_is_memory_of_seconds():
    chunk = eeg_with_bursts(10.0)
    held = []
    tracemalloc.start()
    stream = open_stream(hop_s=10.0)
    for index in range(36):
        stream.push(chunk)
        if index % 12 == 11:
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[2] < 1.02 * held[0]
