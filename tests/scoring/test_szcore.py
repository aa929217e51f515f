import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.intervals import as_intervals
from brainbrr.scoring.szcore import SzcoreRules, event_counts, sample_counts
from brainbrr.scoring.timeline import Timeline
from tests.scoring.conftest import placed

events = st.lists(st.tuples(st.integers(0, 28_000), st.integers(1, 6_000)), max_size=8).map(
    lambda found: [(on / 8, (on + long) / 8) for on, long in found]
)


def counted(reference, hypothesis, duration_s=3600.0, rules=None, scorer=event_counts):
    return scorer(*placed(reference, hypothesis, duration_s), rules).total()


@pytest.mark.parametrize(
    ("hypothesis", "hit"),
    [
        ([(560, 570.0)], False),
        ([(560, 570.1)], True),
        ([(720.0, 730)], False),
        ([(719.9, 730)], True),
    ],
)
def test_tolerance_is_strict(hypothesis, hit):
    assert counted([(600, 660)], hypothesis).tp == hit


@pytest.mark.parametrize(("gap_s", "n_events"), [(89.9, 1), (90.0, 2), (90.1, 2)])
def test_a_gap_of_90_s_stays(gap_s, n_events):
    assert counted([(100, 110), (110 + gap_s, 300)], []).ref_true == n_events


@pytest.mark.parametrize(("duration_s", "n_events"), [(300, 1), (300.1, 2), (600, 2), (720, 3)])
def test_long_events_are_cut(duration_s, n_events):
    assert counted([(100, 100 + duration_s)], []).ref_true == n_events


def test_events_of_neighbouring_recordings_do_not_merge():
    timeline = Timeline.of([100.0, 100.0])
    reference = timeline.place([as_intervals([(90, 100)]), as_intervals([(0, 10)])])
    counts = event_counts(timeline, reference, reference[:0])
    np.testing.assert_array_equal(counts.fn, [1, 1])


def test_the_rules_can_be_changed():
    rules = SzcoreRules(0, 0, min_overlap=0.5, merge_gap_s=0)
    assert counted([(10, 20)], [(10, 14)], rules=rules).tp == 0
    assert counted([(10, 20)], [(10, 16)], rules=rules).tp == 1


def test_tolerance_ends_with_the_recording():
    rules = SzcoreRules(min_overlap=0.5)
    assert counted([(3590, 3600)], [(3575, 3600)], rules=rules).tp == 1
    assert counted([(0, 10)], [(0, 36)], rules=rules).tp == 1
    assert counted([(0, 10)], [(0, 35)], rules=rules).tp == 0


def test_samples_are_whole_seconds():
    counts = counted([(10, 20)], [(15, 30)], scorer=sample_counts)
    assert (counts.tp, counts.fp, counts.fn) == (5, 10, 5)


@pytest.mark.parametrize("scorer", [event_counts, sample_counts])
@given(found=events)
def test_a_perfect_hypothesis_scores_one_and_an_empty_one_nothing(scorer, found):
    perfect = counted(found, found, 4500.0, scorer=scorer)
    assert perfect.fn == perfect.fp == 0
    empty = counted(found, [], 4500.0, scorer=scorer)
    assert empty.tp == empty.fp == 0
    assert np.isnan(empty.precision)
    if perfect.ref_true:
        assert perfect.f1 == 1.0
        assert empty.sensitivity == 0.0


@pytest.mark.parametrize("scorer", [event_counts, sample_counts])
@given(reference=events, hypothesis=events, shift=st.integers(1, 3000))
def test_shifting_both_by_whole_samples_changes_nothing(scorer, reference, hypothesis, shift):
    def moved(found, by_s):
        return [(on + by_s, off + by_s) for on, off in found]

    # Away from the edges, where tolerance would be cut off; by even seconds, as halves round to
    # the even one.
    here = placed(moved(reference, 60), moved(hypothesis, 60), 12_000.0)
    there = placed(moved(reference, 60 + 2 * shift), moved(hypothesis, 60 + 2 * shift), 12_000.0)
    for a, b in zip(scorer(*here)._values(), scorer(*there)._values(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("scorer", [event_counts, sample_counts])
@given(one=events, other=events, claimed=events)
def test_concatenating_recordings_adds_counts(scorer, one, other, claimed):
    timeline = Timeline.of([4500.0, 4600.0])
    reference = timeline.place([as_intervals(one), as_intervals(other)])
    hypothesis = timeline.place([as_intervals(claimed), as_intervals(claimed)])
    both = scorer(timeline, reference, hypothesis).total()
    alone = scorer(*placed(one, claimed, 4500.0)) + scorer(*placed(other, claimed, 4600.0))
    np.testing.assert_array_equal(both._values(), [value[0] for value in alone._values()])


@given(reference=events, hypothesis=events)
def test_swapping_the_sides_swaps_misses_and_false_samples(reference, hypothesis):
    there = counted(reference, hypothesis, 4500.0, scorer=sample_counts)
    back = counted(hypothesis, reference, 4500.0, scorer=sample_counts)
    assert (there.tp, there.fp, there.fn) == (back.tp, back.fn, back.fp)
