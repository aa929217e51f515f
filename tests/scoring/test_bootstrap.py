import numpy as np
import pytest

from brainbrr.scoring.bootstrap import (
    differences,
    draw_patients,
    interval,
    intervals,
    nest,
    resample,
)
from brainbrr.scoring.counts import Counts


def counts(n_subjects, found, seed=0):
    """Ten seizures a patient, each found with the patient's own probability around `found`."""
    rng = np.random.default_rng(seed)
    share = np.clip(rng.normal(found, 0.15, n_subjects), 0, 1)
    tp = rng.binomial(10, share).astype(float)
    return Counts(tp, rng.poisson(2.0, n_subjects), 10 - tp, np.full(n_subjects, 86_400.0))


def everything(one):
    return {"event": one, "sample": one, "ovlp": one, "epoch": one}


def test_ones_give_the_scores_themselves():
    one = counts(20, 0.6)
    rates = resample(everything(one), np.ones((1, 20)))
    assert rates["szcore", "event", "pooled", "f1"][0] == one.total().f1
    mean = np.nanmean(one.sensitivity)
    assert rates["szcore", "event", "subject_mean", "sensitivity"][0] == pytest.approx(mean)
    assert rates["nedc", "ovlp", "fa_per_24h"][0] == one.total().fp_per_day
    assert rates["nedc", "epoch", "fa_per_24h"][0] == one.total().fp_per_day / 4


def test_patients_are_drawn_whole():
    weights = draw_patients(7, 50, 3)
    assert weights.shape == (50, 7)
    np.testing.assert_array_equal(weights.sum(axis=1), 7)
    np.testing.assert_array_equal(weights, draw_patients(7, 50, 3))


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """95 % intervals of the pooled sensitivity over 200 corpora of 40 patients: coverage 0.88 to
    0.99."""
    kept = 0
    for seed in range(200):
        weights = draw_patients(40, 400, seed)
        found = resample(everything(counts(40, 0.5, seed)), weights)
        low, high = interval(found["szcore", "event", "pooled", "sensitivity"])
        kept += low <= 0.5 <= high
    assert 176 <= kept <= 198


def test_undefined_resamples():
    assert interval(np.array([np.nan, np.nan, np.nan, 0.5])) is None
    assert interval(np.array([])) is None
    assert interval(np.array([0.5, 0.5, np.nan])) == [0.5, 0.5]
    undefined = Counts(np.zeros(5), np.zeros(5), np.zeros(5), np.ones(5))
    nested = intervals(resample(everything(undefined), draw_patients(5, 20, 0)))
    assert nested["szcore"]["event"]["pooled"]["f1"] is None
    assert nested["szcore"]["event"]["pooled"]["fp_per_day"] == [0.0, 0.0]


def test_few_patients_have_no_interval():
    few = everything(counts(4, 0.6))
    nested = intervals(resample(few, draw_patients(4, 100, 0)))
    assert nested["szcore"]["event"]["pooled"]["f1"] is None
    compared = differences(few, everything(counts(4, 0.3, 1)), draw_patients(4, 100, 0))
    found = compared["nedc"]["ovlp"]["sensitivity"]
    assert found["difference"] > 0
    assert (found["interval_95"], found["p"]) == (None, None)


def test_the_same_system_differs_by_nothing():
    one = everything(counts(15, 0.6))
    same = differences(one, one, draw_patients(15, 100, 0))["szcore"]["event"]["pooled"]["f1"]
    assert same == {"difference": 0.0, "interval_95": [0.0, 0.0], "p": 1.0}


def test_a_clear_difference_is_found_and_its_sign_is_that_of_the_first():
    better, worse = everything(counts(40, 0.8, 1)), everything(counts(40, 0.4, 2))
    found = differences(better, worse, draw_patients(40, 400, 0))
    sensitivity = found["szcore"]["event"]["pooled"]["sensitivity"]
    assert 0.3 < sensitivity["difference"] < 0.5
    assert sensitivity["interval_95"][0] > 0.2
    assert sensitivity["p"] < 0.01


def test_pairing_narrows_the_interval():
    """The other system misses one seizure more in every patient: that difference is certain."""
    one = counts(30, 0.6)
    fewer = Counts(np.maximum(one.tp - 1, 0), one.fp, np.minimum(one.fn + 1, 10), one.duration_s)
    weights = draw_patients(30, 400, 0)
    paired = differences(everything(one), everything(fewer), weights)
    low, high = paired["szcore"]["event"]["pooled"]["sensitivity"]["interval_95"]
    alone = interval(resample(everything(one), weights)["szcore", "event", "pooled", "sensitivity"])
    assert high - low < 0.2 * (alone[1] - alone[0])


def test_nest():
    assert nest({("a", "b"): 1, ("a", "c"): 2, ("d",): 3}) == {"a": {"b": 1, "c": 2}, "d": 3}
