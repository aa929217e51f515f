import numpy as np
import pytest

from brainbrr.errors import InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.reporting.cases import Case, select_cases
from tests.reporting.report_examples import PLANTED, read_eeg


def message(cases):
    return [(case.recording_id, case.kind, case.onset_s) for case in cases]


def test_missed_longest_first_then_alarms_surest_first_then_the_least_sure(corpus):
    assert message(select_cases(*corpus, read_eeg)) == [
        (PLANTED, "missed seizure", 500.0),
        (PLANTED, "missed seizure", 300.0),
        ("sub-02", "false alarm", 200.0),
        ("sub-02", "false alarm", 600.0),
        ("sub-02", "false alarm", 50.0),
        ("sub-03", "unjudged event", 10.0),
        (PLANTED, "hit", 105.0),
    ]


def test_the_limit_holds_for_each_group_and_no_event_comes_twice(corpus):
    cases = message(select_cases(*corpus, read_eeg, limit=1))
    assert cases == [
        (PLANTED, "missed seizure", 500.0),
        ("sub-02", "false alarm", 200.0),
        ("sub-03", "unjudged event", 10.0),
    ]
    assert len(set(cases)) == len(cases)


def test_alarms_beyond_the_limit_compete_as_uncertain_events(corpus):
    references, hypotheses, traces = corpus
    hypotheses = {name: one for name, one in hypotheses.items() if name != "sub-03"}
    cases = message(select_cases(references, hypotheses, traces, read_eeg, limit=1))
    assert cases[-1] == ("sub-02", "false alarm", 50.0)


def test_a_missed_seizure_is_as_sure_as_the_trace_was_at_its_highest(corpus):
    case = select_cases(*corpus, read_eeg)[0]
    assert case.confidence == 0.25
    assert case.uncertainty == 0.5


def test_an_event_of_unknown_confidence_counts_as_most_uncertain():
    assert Case("r", "hit", 0.0, 1.0).uncertainty == 1.0
    assert Case("r", "hit", 0.0, 1.0, confidence=1.0).uncertainty == 0.0


def test_the_excerpt_has_a_margin_stays_inside_the_recording_and_is_cut_when_long(corpus):
    asked = {}

    def recorded(recording_id, start_s, stop_s):
        asked[recording_id, start_s] = stop_s
        return read_eeg(recording_id, start_s, stop_s)

    cases = select_cases(*corpus, recorded, margin_s=15.0, max_excerpt_s=60.0)
    assert asked["sub-03", 0.0] == 33.0
    assert asked["sub-02", 185.0] == 245.0
    assert all(
        case.stop_s == pytest.approx(asked[case.recording_id, case.start_s]) for case in cases
    )
    assert {case.rate_hz for case in cases} == {64.0}


def test_truth_detections_trace_channels_and_graph_come_along(cases):
    hit = next(case for case in cases if case.kind == "hit")
    assert hit.truth.tolist() == [[100.0, 130.0]]
    assert hit.detected.tolist() == [[105.0, 135.0]]
    assert len(hit.probability) == round(hit.stop_s - hit.start_s)
    assert hit.channels == ("F7",)
    assert hit.adjacency.shape == (19, 19)


def test_touching_events_do_not_overlap():
    references = {"r": Annotation((Event(10.0, 10.0),), 60.0)}
    hypotheses = {"r": Annotation((Event(20.0, 10.0, confidence=0.9),), 60.0)}
    kinds = [case.kind for case in select_cases(references, hypotheses, {}, read_eeg)]
    assert kinds == ["missed seizure", "false alarm"]


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "something"},
        {"eeg_uv": np.zeros((18, 5), np.float32)},
        {"adjacency": np.zeros((19, 18), np.float32)},
    ],
)
def test_parts_that_do_not_fit_are_refused(broken):
    with pytest.raises(InvalidInput, match="Build cases with select_cases"):
        Case(**{"recording_id": "r", "kind": "hit", "onset_s": 0.0, "duration_s": 1.0} | broken)
