"""How the channels become electrodes, segment by segment."""

import numpy as np
import pytest

from brainbrr.data.preparation.plan import plan_montage
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import derivations
from brainbrr.signal.quality import DISCONNECTED, FLAT

OPTIONS = {"max_bad_fraction": 0.8, "min_electrodes": 4, "max_interpolated": 4, "min_neighbours": 3}


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
