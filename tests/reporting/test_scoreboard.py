"""The numbers that a reader sees: what stands at a path, and published scores with sources."""

import pytest

from brainbrr.reporting.scoreboard import (
    DEFINITIONS,
    Measure,
    cells,
    look_up,
    measure,
    published_scores,
    rounded,
)


def test_looking_up_a_path_that_is_not_there_gives_nothing():
    assert look_up({"a": {"b": 1}}, "a.c.d") is None
    assert look_up({"a": {"2.5": 7}}, "a.2.5") == 7
    assert measure({"a": None}, "a") == Measure(None)
    assert measure({"a": 1.0, "intervals_95": {"a": [0.5, None]}}, "a").shown_interval() == ""


def test_published_scores_are_those_of_the_corpus_and_the_split():
    test, validation = published_scores("tusz", "test"), published_scores("tusz", "val")
    assert {score.corpus for score in test} == {"tusz"}
    assert {score.split for score in validation} == {"all"}
    assert len(test) > len(validation) > 0
    assert published_scores("synthetic", "test") == ()


def test_every_published_score_has_a_source_and_a_known_definition():
    known = {d.path for d in DEFINITIONS} | {"curve.sensitivity_at_fa", "sample_level"}
    corpora = ("tusz", "chbmit", "siena", "seizeit1", "dianalund")
    scores = [score for corpus in corpora for score in published_scores(corpus, "test")]
    assert len(scores) == 30
    for score in scores:
        assert score.source
        assert score.definition in known
        assert all(value >= 0 for value in score.values.values())
        shares = [value for name, value in score.values.items() if name != "fa_per_24h"]
        assert all(value <= 1 for value in shares)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"),
        (0.12345, "0.123"),
        (7, "7"),
        (True, "True"),
        ("n/a", "n/a"),
        (0.0, "0.000"),
    ],
)
def test_only_an_undefined_number_is_a_dash(value, text):
    assert rounded(value) == text


def test_each_definition_has_its_own_key_of_f1_and_of_false_alarms():
    scores = {
        "szcore": {"event": {"pooled": {"f1": 0.5, "fp_per_day": 2.0, "fa_per_24h": 99.0}}},
        "nedc": {"ovlp": {"f1": 0.25, "fa_per_24h": 3.0, "fp_per_day": 99.0}},
    }
    by_path = {definition.path: definition for definition in DEFINITIONS}
    shown = {path: cells(scores, definition) for path, definition in by_path.items()}
    assert shown["szcore.event.pooled"]["fa_per_24h"] == Measure(2.0)
    assert shown["nedc.ovlp"]["fa_per_24h"] == Measure(3.0)
    assert shown["nedc.ovlp"]["f1"] == Measure(0.25)
    assert shown["szcore.sample.pooled"]["fa_per_24h"] == Measure(None), "counts no alarms"


def test_a_switch_is_not_a_number_and_an_interval_has_two_ends():
    assert measure({"a": True}, "a") == Measure(None)
    assert measure({"a": 1, "intervals_95": {"a": [0.5]}}, "a") == Measure(1)
    both = measure({"a": 1, "intervals_95": {"a": [0.5, 2]}}, "a")
    assert both.shown_interval(1) == "(0.5\u20132.0)"
