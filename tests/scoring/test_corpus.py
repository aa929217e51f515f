import json

import numpy as np
import pytest

from brainbrr.scoring.corpus import UnknownSubject, score_corpus
from brainbrr.scoring.pairing import DurationMismatch, InvalidMissing, MissingHypothesis
from brainbrr.scoring.timeline import EmptyCorpus

from .conftest import annotation

REFERENCES = {
    "a1": annotation([(100, 160)], 3600),
    "a2": annotation([], 3600),
    "b1": annotation([(1000, 1100), (2000, 2030)], 7200),
    "c1": annotation([], 1800),
}
HYPOTHESES = {
    "a1": annotation([(110, 150)], 3600),
    "a2": annotation([(500, 520)], 3600),
    "b1": annotation([(1010, 1090)], 7200),
    "c1": annotation([], 1800),
}
SUBJECTS = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}


def test_subject_mean_and_pooled_event_scores():
    event = score_corpus(REFERENCES, HYPOTHESES, subjects=SUBJECTS)["szcore"]["event"]
    assert event["pooled"]["sensitivity"] == pytest.approx(2 / 3)
    assert event["pooled"]["fp_per_day"] == pytest.approx(86400 / 16200)
    mean = event["subject_mean"]
    assert mean["sensitivity"] == pytest.approx((1 + 1 / 2) / 2)
    assert mean["f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert mean["n_subjects"] == {"sensitivity": 2, "precision": 2, "f1": 2, "fp_per_day": 3}


def test_ovlp_and_kappa_stand_beside_szcore():
    nedc = score_corpus(REFERENCES, HYPOTHESES, subjects=SUBJECTS)["nedc"]
    assert set(nedc) == {"dpalign", "epoch", "ovlp", "taes", "taes_v6", "ira"}
    assert (nedc["ovlp"]["tp"], nedc["ovlp"]["fp"], nedc["ovlp"]["fn"]) == (2, 1, 1)
    assert nedc["epoch"]["tp"] == 4 * (40 + 80)
    assert nedc["epoch"]["fa_per_24h"] == pytest.approx(20 * 86400 / 16200)
    assert 0 < nedc["ira"]["kappa"] < 1


def test_each_subject_has_its_numbers():
    scores = score_corpus(REFERENCES, HYPOTHESES, subjects=SUBJECTS)
    assert list(scores["subjects"]) == ["a", "b", "c"]
    b = scores["subjects"]["b"]
    assert b["recordings"] == 1
    assert b["szcore"]["event"]["sensitivity"] == 0.5
    assert scores["subjects"]["c"]["szcore"]["event"]["sensitivity"] is None


def test_scores_are_json_without_nan():
    nothing = {"x": annotation([], 60)}
    scores = score_corpus(nothing, nothing)
    text = json.dumps(scores, allow_nan=False)
    event = json.loads(text)["szcore"]["event"]
    assert event["pooled"]["f1"] is None
    assert event["subject_mean"]["f1"] is None
    assert event["subject_mean"]["n_subjects"]["f1"] == 0
    assert scores["nedc"]["ira"]["kappa"] is None


def test_legacy_f1_drops_subjects_that_the_new_one_counts_as_zero():
    references = {"a": annotation([(10, 20)], 600), "b": annotation([(10, 20)], 600)}
    hypotheses = {"a": annotation([(10, 20)], 600), "b": annotation([], 600)}
    event = score_corpus(references, hypotheses)["szcore"]["event"]
    assert event["subject_mean"]["f1"] == 0.5
    assert event["legacy_f1"] == {
        "subject_mean": 1.0,
        "pooled": pytest.approx(2 / 3),
        "n_subjects": 1,
    }


def test_a_missing_hypothesis_is_refused_by_name():
    with pytest.raises(MissingHypothesis, match="b1"):
        score_corpus(REFERENCES, {k: v for k, v in HYPOTHESES.items() if k != "b1"})


def test_a_missing_hypothesis_scored_as_empty_is_reported():
    partly = {k: v for k, v in HYPOTHESES.items() if k != "b1"}
    scores = score_corpus(REFERENCES, {**partly, "z": HYPOTHESES["c1"]}, missing="empty")
    assert scores["files"] == {
        "expected": 4,
        "scored": 3,
        "missing": ["b1"],
        "unreferenced": ["z"],
    }
    assert scores["szcore"]["event"]["pooled"]["tp"] == 1


def test_another_duration_is_refused_by_name():
    with pytest.raises(DurationMismatch, match=r"3600.0 s for a1.*3601.0 s"):
        score_corpus(REFERENCES, {**HYPOTHESES, "a1": annotation([], 3601)})
    score_corpus(REFERENCES, {**HYPOTHESES, "a1": annotation([], 3600.25)})


def test_other_refusals():
    with pytest.raises(InvalidMissing, match="missing=skip"):
        score_corpus(REFERENCES, HYPOTHESES, missing="skip")
    with pytest.raises(EmptyCorpus, match="at least one reference"):
        score_corpus({}, {})
    with pytest.raises(UnknownSubject, match="c1"):
        score_corpus(REFERENCES, HYPOTHESES, subjects={"a1": "a", "a2": "a", "b1": "b"})


def test_unsorted_nested_and_overhanging_events_are_normalised():
    messy = {"x": annotation([(110, 120), (100, 400), (3500, 4000)], 3600)}
    clean = {"x": annotation([(100, 400), (3500, 3600)], 3600)}
    claim = {"x": annotation([(390, 420), (3550, 3590)], 3600)}
    assert score_corpus(messy, claim) == score_corpus(clean, claim)
    assert score_corpus(claim, messy) == score_corpus(claim, clean)


def test_the_order_of_recordings_plays_no_part():
    backwards = dict(reversed(REFERENCES.items()))
    assert score_corpus(backwards, HYPOTHESES, subjects=SUBJECTS) == score_corpus(
        REFERENCES, HYPOTHESES, subjects=SUBJECTS
    )
    assert np.isfinite(score_corpus(backwards, HYPOTHESES)["nedc"]["taes"]["f1"])
