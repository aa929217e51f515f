import pytest

from brainbrr.reporting.scoreboard import (
    DEFINITIONS,
    UNDEFINED,
    Measure,
    cells,
    look_up,
    measure,
    rounded,
)


def test_looking_up_a_path_that_is_not_there_gives_nothing():
    assert look_up({"a": {"b": 1}}, "a.c.d") is None
    assert look_up({"a": {"2.5": 7}}, "a.2.5") == 7
    assert measure({"a": None}, "a") == Measure(None)
    assert measure({"a": 1.0, "intervals_95": {"a": [0.5, None]}}, "a").shown_interval() == ""


def test_each_definition_counts_under_its_own_keys(scores):
    by_path = {definition.path: definition for definition in DEFINITIONS}
    event = cells(scores, by_path["szcore.event.subject_mean"])
    assert event["f1"] == Measure(0.417, 0.312, 0.523)
    assert (event["fa_per_24h"].value, event["precision"].value) == (8.2, None)
    assert cells(scores, by_path["nedc.ovlp"])["fa_per_24h"] == Measure(11.3)
    legacy = cells(scores, by_path["szcore.event.legacy_f1"])
    # It is a mean of subjects in itself, and has no rate of alarms.
    assert (legacy["f1"], legacy["fa_per_24h"]) == (Measure(0.611), Measure(None))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, UNDEFINED), (3, "3"), (0.12345, "0.12"), (True, "True"), ("sub-01", "sub-01")],
)
def test_numbers_are_rounded_and_others_shown_as_they_are(value, text):
    assert rounded(value, 2) == text


def test_an_interval_needs_two_numbers():
    assert Measure(0.5, 0.25, 0.75).shown_interval(2) == "(0.25\u20130.75)"
    assert measure({"a": 0.5, "intervals_95": {"a": [0.1]}}, "a") == Measure(0.5)
    assert measure({"a": True}, "a") == Measure(None)
