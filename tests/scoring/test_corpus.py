import json

import numpy as np
import pytest

from brainbrr.errors import InvalidInput, InvalidOption, NotFound
from brainbrr.events.calibration import Calibration
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.scoring.corpus import score_corpus
from brainbrr.scoring.tuning import tune
from tests.scoring.conftest import annotation

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
    with pytest.raises(NotFound, match="b1"):
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
    with pytest.raises(InvalidInput, match=r"3600.0 s for a1.*3601.0 s"):
        score_corpus(REFERENCES, {**HYPOTHESES, "a1": annotation([], 3601)})
    score_corpus(REFERENCES, {**HYPOTHESES, "a1": annotation([], 3600.25)})


def test_other_refusals():
    with pytest.raises(InvalidOption, match="missing=skip"):
        score_corpus(REFERENCES, HYPOTHESES, missing="skip")
    with pytest.raises(InvalidInput, match="at least one reference"):
        score_corpus({}, {})
    with pytest.raises(InvalidInput, match="c1"):
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


def traces():
    rng = np.random.default_rng(0)
    made = {}
    for name, reference in REFERENCES.items():
        level = rng.uniform(0.0, 0.4, int(reference.duration_s))
        for onset_s, offset_s in HYPOTHESES[name].seizure_intervals:
            level[int(onset_s) : int(offset_s)] = 0.9
        made[name] = Trace(level.astype(np.float32), 1.0, as_intervals([(1200.0, 1260.0)]))
    return made


def test_traces_bring_curves_and_sample_scores():
    scores = score_corpus(
        REFERENCES,
        HYPOTHESES,
        traces(),
        subjects=SUBJECTS,
        calibration=Calibration(2.0),
        n_resamples=50,
    )
    json.dumps(scores, allow_nan=False)
    curve = scores["curve"]
    assert curve["ovlp"][0]["threshold"] > curve["ovlp"][-1]["threshold"]
    assert curve["sensitivity_at_fa"]["10"] == pytest.approx(2 / 3)
    assert curve["sensitivity_at_fa_szcore"]["10"] == pytest.approx(2 / 3)
    assert scores["intervals_95"]["curve"]["sensitivity_at_fa"]["10"] is None
    assert 0.8 < scores["sample_level"]["auroc"] < 1
    assert scores["sample_level"]["auroc_error_bound"] < 1e-3
    assert scores["sample_level"]["n_samples"] == 16_200 - 4 * 60
    assert scores["sample_level"]["calibration"] == {"temperature": 2.0, "bias": 0.0}
    assert scores["sample_level"]["ece_calibrated"] != scores["sample_level"]["ece"]


def test_only_recorded_time_counts_in_rates():
    with_gaps = score_corpus(REFERENCES, HYPOTHESES, traces(), n_resamples=10)
    rate = with_gaps["szcore"]["event"]["pooled"]["fp_per_day"]
    assert rate == pytest.approx(86400 / (16_200 - 4 * 60))


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("gaps", [[], [(20, 30)], [(0, 100)]])
@pytest.mark.parametrize("pairs", [[], [(22, 25)], [(0, 100)]])
def test_degenerate_traces_are_scored_without_a_nan(level, gaps, pairs):
    reference = {"x": annotation(pairs, 100)}
    flat = {"x": Trace(np.full(100, level, np.float32), 1.0, as_intervals(gaps))}
    scores = score_corpus(reference, reference, flat, n_resamples=5)
    json.dumps(scores, allow_nan=False)
    assert (scores["curve"]["sensitivity_at_fa"]["10"] is None) == (not pairs)
    for budget in (None, 5.0):
        tuned = tune(flat, reference, split="val", alarm_budget=budget)
        json.dumps(tuned.table, allow_nan=False)


def test_a_missing_or_misfit_trace_is_refused_by_name():
    partly = traces()
    del partly["b1"]
    with pytest.raises(NotFound, match="b1"):
        score_corpus(REFERENCES, HYPOTHESES, partly)
    short = {**traces(), "b1": Trace(np.zeros(100, np.float32), 1.0, as_intervals([]))}
    with pytest.raises(InvalidInput, match=r"7200.0 s for b1"):
        score_corpus(REFERENCES, HYPOTHESES, short)


def test_a_recording_scored_as_empty_needs_no_trace():
    claims, levels = dict(HYPOTHESES), traces()
    del claims["c1"], levels["c1"]
    scores = score_corpus(REFERENCES, claims, levels, missing="empty", n_resamples=10)
    assert scores["files"]["missing"] == ["c1"]
    assert scores["sample_level"]["n_samples"] == 16_200 - 3 * 60


def test_another_system_is_compared_on_the_same_patients():
    silent = {name: annotation([], one.duration_s) for name, one in REFERENCES.items()}
    scores = score_corpus(
        REFERENCES, HYPOTHESES, subjects=SUBJECTS, against=silent, n_resamples=100
    )
    found = scores["against"]["szcore"]["event"]["pooled"]["sensitivity"]
    assert found["difference"] == pytest.approx(2 / 3)
    same = score_corpus(REFERENCES, HYPOTHESES, against=HYPOTHESES, n_resamples=10)["against"]
    assert same["nedc"]["ovlp"]["f1"]["difference"] == 0.0


def test_what_else_a_careful_reader_needs():
    scores = score_corpus(REFERENCES, HYPOTHESES, subjects=SUBJECTS, n_resamples=100)
    assert scores["latency_s"] == {"median": 10.0, "p90": 10.0, "n": 2}
    assert scores["by_duration"]["30-90"]["sensitivity"] == 0.5
    assert scores["worst_decile"]["noisiest"] == "a"
    assert scores["worst_decile"]["least_found"] == "b"
    assert scores["definitions"]["szcore"]["merge_gap_s"] == 90.0


def test_intervals_stand_where_the_numbers_do():
    """Six patients, two of each kind."""
    references = {f"{name}{i}": one for name, one in REFERENCES.items() for i in range(2)}
    hypotheses = {f"{name}{i}": one for name, one in HYPOTHESES.items() for i in range(2)}
    levels = {f"{name}{i}": one for name, one in traces().items() for i in range(2)}
    subjects = {name: name[0] + name[-1] for name in references}
    scores = score_corpus(references, hypotheses, levels, subjects=subjects, n_resamples=200)
    intervals = scores["intervals_95"]
    low, high = intervals["szcore"]["event"]["subject_mean"]["sensitivity"]
    assert 0.5 <= low < 0.75 < high <= 1.0
    low, high = intervals["curve"]["sensitivity_at_fa"]["10"]
    assert 0 <= low <= 2 / 3 <= high <= 1
    few = score_corpus(REFERENCES, HYPOTHESES, subjects=SUBJECTS)["intervals_95"]
    assert few["szcore"]["event"]["subject_mean"]["sensitivity"] is None
