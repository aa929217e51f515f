"""What the first pass finds."""

import numpy as np
import pytest

from brainbrr.data.preparation.survey import epoch_spans, survey
from brainbrr.data.recordings.recording import BlocksOfRecording, Recording
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quality import DISCONNECTED, FLAT, QualityLimits

LIMITS = QualityLimits(guard_epochs=0)


def test_epochs_cover_each_span_and_cross_none():
    epochs = epoch_spans(np.array([[0, 25], [30, 36], [40, 60]]), 10)
    assert epochs.tolist() == [[0, 10], [10, 25], [30, 36], [40, 50], [50, 60]]


@pytest.fixture
def eeg():
    return (np.random.default_rng(0).standard_normal((19, 700 * 100)) * 30).astype(np.float32)


def test_a_survey_sees_every_epoch(eeg):
    eeg[3, 35_000:36_000] = 0
    eeg[7, -300:] *= 200
    blocks = BlocksOfRecording(Recording(eeg, 100.0, ELECTRODES, gaps=[[100, 200]]))
    spans = np.array([[0, 10_000], [20_000, 70_000]])
    found = survey(blocks, np.arange(19), spans, LIMITS, "auto")
    assert found.codes.shape == (19, 300)
    bad = {(row, *found.epochs[at], found.codes[row, at]) for row, at in np.argwhere(found.codes)}
    assert {(row, code) for row, *_, code in bad} == {(3, FLAT), (7, DISCONNECTED)}
    assert min(start for row, start, *_ in bad if row == 3) == 35_000
    assert max(stop for row, _, stop, _ in bad if row == 3) == 36_000
    assert max(stop for row, _, stop, _ in bad if row == 7) == 70_000
    assert found.spread_uv == pytest.approx(30, rel=0.02)
    assert found.mains_hz is None
