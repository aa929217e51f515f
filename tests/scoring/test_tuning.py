import json

import numpy as np
import pytest

from brainbrr.errors import InvalidOption
from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.scoring.counts import defined
from brainbrr.scoring.szcore import event_counts
from brainbrr.scoring.timeline import Timeline
from brainbrr.scoring.tuning import tune
from tests.scoring.conftest import annotation

RATE_HZ = 4.0


def trace(probability, gaps=()):
    return Trace(np.asarray(probability, np.float32), RATE_HZ, as_intervals(gaps))


@pytest.fixture
def corpus():
    """Seizures of 60 s at 0.7, false peaks at 0.5, noise below 0.3."""
    rng = np.random.default_rng(5)
    traces, references = {}, {}
    for i in range(6):
        level = rng.uniform(0.0, 0.3, 2400)
        level[400:640] = 0.7 if i % 2 == 0 else 0.1
        level[1400:1500] = 0.5
        traces[f"r{i}"] = trace(level, [(590.0, 595.0)])
        references[f"r{i}"] = annotation([(100, 160)] if i % 2 == 0 else [], 600)
    return traces, references


def test_the_best_threshold_parts_seizures_from_false_peaks(corpus):
    traces, references = corpus
    tuned = tune(traces, references, Detection(0.5, 0.4, 0.0, 5.0, 5.0), split="val")
    assert 0.5 < tuned.detection.on_threshold <= 0.7
    assert tuned.table["chosen"]["subject_mean"]["f1"] == 1.0
    assert tuned.table["split"] == "val"
    json.dumps(tuned.table, allow_nan=False)


def test_every_row_is_what_detect_and_score_say(corpus):
    traces, references = corpus
    tuned = tune(
        traces,
        references,
        Detection(smoothing_s=0.0),
        split="dev",
        subjects={name: name[:1] + str(int(name[1]) // 2) for name in traces},
        smoothing_s=(0.0, 1.5),
        merge_gap_s=(0.0, 2.0),
        min_duration_s=(0.0, 1.0),
    )
    timeline = Timeline.of(
        [one.duration_s for one in traces.values()], [one.recorded_s for one in traces.values()]
    )
    truth = timeline.place([one.seizure_intervals for one in references.values()])
    rng = np.random.default_rng(0)
    for row in rng.choice(tuned.table["rows"], 25, replace=False):
        fields = ("on_threshold", "off_threshold", "smoothing_s", "merge_gap_s", "min_duration_s")
        detection = Detection(**{name: row[name] for name in fields})
        found = [detect(one, detection).seizure_intervals for one in traces.values()]
        pooled = event_counts(timeline, truth, timeline.place(found)).total()
        for name in ("f1", "sensitivity", "precision", "fp_per_day"):
            assert row["pooled"][name] == defined(getattr(pooled, name))


def test_the_result_holds_for_ovlp_and_pooled_counts_too(corpus):
    tuned = tune(*corpus, split="val", standard="ovlp", average="pooled")
    assert tuned.table["chosen"]["pooled"]["f1"] == 1.0


def test_sensitivity_within_a_limit_of_false_alarms(corpus):
    tuned = tune(*corpus, split="val", objective="sensitivity", target_fa_per_24h=0.5)
    assert tuned.table["target_met"]
    assert tuned.table["chosen"]["pooled"]["fp_per_day"] == 0.0
    assert tuned.table["chosen"]["subject_mean"]["sensitivity"] == 1.0


def test_among_equals_the_fewest_false_alarms_win():
    """Further down, two false alarms and the seizure are one detection."""
    level = np.zeros(2400)
    level[400:840] = 0.3
    level[400:640] = level[700:740] = level[800:840] = 0.7
    tuned = tune(
        {"x": trace(level)},
        {"x": annotation([(100, 160)], 600)},
        Detection(smoothing_s=0.0),
        split="val",
        standard="ovlp",
        objective="sensitivity",
        target_fa_per_24h=1e6,
        on_thresholds=(0.2, 0.5),
        off_over_on=(1.0,),
    )
    assert tuned.detection.on_threshold == 0.2


def test_an_unreachable_limit_is_told_and_the_fewest_alarms_win(corpus, caplog):
    traces, references = corpus
    tuned = tune(
        traces,
        references,
        split="val",
        on_thresholds=(0.1, 0.4),
        target_fa_per_24h=0.1,
        off_over_on=(1.0,),
    )
    assert not tuned.table["target_met"]
    assert "no setting stays within 0.1" in caplog.text
    assert tuned.detection.on_threshold == 0.4


def test_without_seizures_and_alarms_the_base_stays(caplog):
    base = Detection(0.6, 0.3)
    tuned = tune({"x": trace(np.zeros(400))}, {"x": annotation([], 100)}, base, split="val")
    assert tuned.detection == base
    assert tuned.table["chosen"] is None
    assert "undefined" in caplog.text


@pytest.mark.parametrize("split", ["test", "eval", "train", ""])
def test_tuning_on_any_other_split_is_refused(corpus, split):
    with pytest.raises(InvalidOption, match="the validation split"):
        tune(*corpus, split=split)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"objective": "auroc"}, "objective in"),
        ({"average": "median"}, "average in"),
        ({"standard": "nedc"}, "standard in"),
        ({"objective": "sensitivity"}, "target_fa_per_24h with"),
    ],
)
def test_unknown_settings_are_refused(corpus, wrong, match):
    with pytest.raises(InvalidOption, match=match):
        tune(*corpus, split="val", **wrong)


def test_an_alarm_budget_replaces_the_grid(corpus):
    tuned = tune(*corpus, split="val", alarm_budget=5.0)
    assert tuned.detection.on_threshold == tuned.detection.off_threshold
    assert tuned.table["alarm_budget"]["promised"] is None
    assert "too few" in tuned.table["alarm_budget"]["reason"]
