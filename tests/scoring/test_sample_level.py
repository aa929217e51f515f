import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.scoring.sample_level import (
    N_BINS,
    SampleHistogram,
    auroc,
    average_precision,
    bin_probability,
    fine_bin,
)


def exact_auroc(probability, label):
    positive, negative = probability[label], probability[~label]
    above = (positive[:, None] > negative[None]).mean()
    return above + (positive[:, None] == negative[None]).mean() / 2


def exact_average_precision(probability, label):
    total = 0.0
    for value in np.unique(probability)[::-1]:
        chosen = probability >= value
        total += label[probability == value].sum() * label[chosen].mean()
    return total / label.sum()


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=2, max_size=60).filter(
        lambda found: len({label for _, label in found}) == 2
    )
)
def test_both_lie_within_their_bound(found):
    probability = np.array([p for p, _ in found], np.float32)
    label = np.array([label for _, label in found])
    samples = SampleHistogram.of([(probability, label)])
    area, bound = auroc(samples)
    assert abs(area - exact_auroc(probability, label)) <= bound + 1e-12
    precision, bound = average_precision(samples)
    assert abs(precision - exact_average_precision(probability, label)) <= bound + 1e-12


def test_the_bound_is_small_where_a_detector_is_sure():
    rng = np.random.default_rng(0)
    label = rng.random(200_000) < 0.05
    logit = rng.normal(-6, 2, label.size) + 9 * label
    probability = (1 / (1 + np.exp(-logit))).astype(np.float32)
    samples = SampleHistogram.of([(probability, label)])
    _, area_bound = auroc(samples)
    _, precision_bound = average_precision(samples)
    assert area_bound < 3e-5
    assert precision_bound < 2e-3


def test_bins_keep_the_order_of_probabilities():
    rng = np.random.default_rng(1)
    tiny = np.float32(10.0) ** -rng.uniform(0, 38, 5000).astype(np.float32)
    probability = np.sort(np.concatenate([tiny, 1 - tiny, [0, -0.0, 0.5, 1]]).astype(np.float32))
    bins = fine_bin(probability)
    assert np.all(np.diff(bins) >= 0)
    assert bins.min() == 0
    assert bins.max() == N_BINS - 1
    np.testing.assert_allclose(bin_probability()[bins], probability, rtol=2e-3, atol=1e-38)


def test_histograms_add():
    rng = np.random.default_rng(2)
    probability, label = rng.random(3000).astype(np.float32), rng.random(3000) < 0.3
    whole = SampleHistogram.of([(probability, label)])
    parts = SampleHistogram.of([(probability[:1000], label[:1000])]) + SampleHistogram.of(
        [(probability[1000:], label[1000:])]
    )
    np.testing.assert_array_equal(whole.positive, parts.positive)
    np.testing.assert_array_equal(whole.n, parts.n)
    np.testing.assert_allclose(whole.sum_p, parts.sum_p)
    assert whole.n.sum() == whole.positive.sum() + whole.negative.sum() == 3000


def test_one_class_alone_has_no_area():
    samples = SampleHistogram.of([(np.array([0.1, 0.9], np.float32), np.zeros(2, bool))])
    assert auroc(samples) == (None, None)
    assert average_precision(samples) == (None, None)


@pytest.mark.parametrize("n_chunks", [1, 3])
def test_chunks_make_no_difference(monkeypatch, n_chunks):
    rng = np.random.default_rng(3)
    probability, label = rng.random(999).astype(np.float32), rng.random(999) < 0.3
    expected = SampleHistogram.of([(probability, label)])
    monkeypatch.setattr("brainbrr.scoring.sample_level.CHUNK", 999 // n_chunks)
    np.testing.assert_array_equal(
        SampleHistogram.of([(probability, label)]).positive, expected.positive
    )
