"""What the first pass finds, and what is made of it."""

import numpy as np
import pytest

from brainbrr.data.preparation.plan import plan_montage
from brainbrr.data.preparation.survey import epoch_spans, survey
from brainbrr.data.recordings.recording import BlocksOfRecording, Recording
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import derivations
from brainbrr.signal.quality import DISCONNECTED, FLAT, QualityLimits

LIMITS = QualityLimits(guard_epochs=0)
OPTIONS = {"max_bad_fraction": 0.8, "min_electrodes": 4, "max_interpolated": 4, "min_neighbours": 3}


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


def test_a_plan_has_one_stretch_where_nothing_changes():
    channels = derivations([f"{name}-REF" for name in ELECTRODES])
    epochs = np.array([[0, 10], [10, 20], [20, 30]])
    plan = plan_montage(channels, np.zeros((19, 3), dtype=np.uint8), epochs, **OPTIONS)
    (segment,) = plan.segments
    assert (segment.first, segment.last) == (0, 30)
    assert plan.bad == ()
    np.testing.assert_allclose(segment.weights, np.eye(19) - 1 / 19, atol=1e-12)


def test_a_plan_follows_what_is_bad_and_merges_neighbouring_spans():
    channels = derivations([f"{name}-REF" for name in ELECTRODES])
    epochs = np.stack([np.arange(5) * 10, np.arange(1, 6) * 10], axis=1)
    codes = np.zeros((19, 5), dtype=np.uint8)
    codes[2, 1:4] = FLAT
    codes[5, 2] = DISCONNECTED
    plan = plan_montage(channels, codes, epochs, **OPTIONS)
    assert plan.bad == (("C3", 10, 40, "flat"), ("F7", 20, 30, "disconnected"))
    weights = plan.segments[2].weights
    good = np.delete(np.arange(19), [2, 5])
    assert not weights[good][:, [2, 5]].any(), "what is bad leaks into no other electrode"
    np.testing.assert_allclose(weights[good].sum(axis=0), 0, atol=1e-12)
    assert weights[2, 2] == pytest.approx(1.0)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)


def test_where_hardly_anything_is_good_the_weights_stay():
    channels = derivations([f"{name}-REF" for name in ELECTRODES])
    codes = np.zeros((19, 10), dtype=np.uint8)
    codes[:17, 4] = FLAT
    epochs = np.stack([np.arange(10) * 10, np.arange(1, 11) * 10], axis=1)
    plan = plan_montage(channels, codes, epochs, **OPTIONS)
    np.testing.assert_array_equal(plan.segments[1].weights, plan.solution.weights)
    assert len(plan.bad) >= 17
