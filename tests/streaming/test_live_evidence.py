"""A live event names the electrodes that the answer came from, at a bounded cost."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.events.detection import Detection
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.streaming.detector_stream import DetectorStream
from tests.streaming.stream_reference import LABELS, WINDOWING, batched

RATE_HZ = 256.0
LOUD = {(21.0, 29.0): (3, 7), (61.0, 66.0): (12,), (95.0, 99.5): (5,)}
"""When which electrodes are loud; the last event ends with the signal."""
SECONDS = 99.5


def eeg_uv():
    eeg = 20 * np.random.default_rng(0).standard_normal((19, round(SECONDS * RATE_HZ)))
    for (onset_s, offset_s), electrodes in LOUD.items():
        burst = slice(round(onset_s * RATE_HZ), round(offset_s * RATE_HZ))
        eeg[list(electrodes), burst] *= 8
    return eeg.astype(np.float32)


class Listening:
    """Stands in for a network that is as sure as the electrodes it may see are loud."""

    def __init__(self):
        self.n_calls = 0

    def __call__(self, eeg, observed, center_uv, scale_uv):
        self.n_calls += 1
        loudest = (np.abs(0.1 * eeg) * observed[:, None]).clip(30, None).sum(axis=0) - 19 * 30
        return (1 / (1 + np.exp(4 - uniform_filter1d(loudest, 128) / 8))).astype(np.float32)


def hear(chunk_s, score, **options):
    stream = DetectorStream(
        LABELS, RATE_HZ, unit="uV", preparation=Preparation(mains=None), windowing=WINDOWING,
        detection=Detection(0.6, 0.4, 2.0, 3.0, 2.0), backend=batched(score),
        **options,
    )  # fmt: skip
    eeg, n_chunk = eeg_uv(), round(chunk_s * RATE_HZ)
    updates = [stream.push(eeg[:, at : at + n_chunk]) for at in range(0, eeg.shape[1], n_chunk)]
    return [event for update in (*updates, stream.finish()) for event in update.events]


@pytest.mark.parametrize("settle_s", [None, 0.0])
def test_each_event_names_the_electrodes_that_were_loud(settle_s):
    events = hear(1.0, Listening(), evidence=True, settle_s=settle_s)
    named = [{ELECTRODES.index(name) for name in event.channels} for event in events]
    assert len(named) == len(LOUD)
    for ours, theirs in zip(named, LOUD.values(), strict=True):
        assert ours and ours <= set(theirs)


@pytest.mark.parametrize("hop_s", [2.0, 10.0])
def test_an_event_costs_a_window_for_each_electrode_and_one_whatever_the_hop(hop_s):
    plain, named = Listening(), Listening()
    events = hear(1.0, plain, hop_s=hop_s)
    assert all(event.channels == () for event in events)
    assert all(event.channels for event in hear(1.0, named, hop_s=hop_s, evidence=True))
    assert named.n_calls - plain.n_calls == 20 * len(LOUD)


def test_the_names_do_not_depend_on_how_the_signal_was_cut():
    assert hear(0.3, Listening(), evidence=True) == hear(99.5, Listening(), evidence=True)
