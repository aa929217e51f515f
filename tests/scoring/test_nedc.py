import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.events.intervals import as_intervals
from brainbrr.scoring.nedc import (
    align,
    dpalign_counts,
    epoch_counts,
    kappa,
    n_epochs,
    overlap_in_seconds,
    ovlp_counts,
    strict_overlap,
    taes,
    taes_counts,
)
from brainbrr.scoring.timeline import Timeline
from tests.scoring.conftest import placed

SCORERS = [ovlp_counts, epoch_counts, dpalign_counts, taes_counts]
events = st.lists(st.tuples(st.integers(0, 2_000), st.integers(8, 400)), max_size=6).map(
    lambda found: [(on / 8, (on + long) / 8) for on, long in found]
)
labels = st.text("sb", min_size=1, max_size=8)


def counted(scorer, reference, hypothesis, duration_s=300.0):
    return scorer(*placed(reference, hypothesis, duration_s)).total()


@pytest.mark.parametrize("scorer", SCORERS)
@given(found=events)
def test_a_perfect_hypothesis_scores_one_and_an_empty_one_nothing(scorer, found):
    perfect = counted(scorer, found, found)
    assert perfect.fn == perfect.fp == 0
    empty = counted(scorer, found, [])
    assert empty.tp == empty.fp == 0
    assert np.isnan(empty.precision)
    assert empty.fn == perfect.tp
    if perfect.tp:
        assert perfect.f1 == 1.0
        assert empty.sensitivity == 0.0


@pytest.mark.parametrize("scorer", SCORERS)
@given(reference=events, hypothesis=events, shift=st.integers(1, 400))
def test_shifting_both_by_whole_epochs_changes_nothing(scorer, reference, hypothesis, shift):
    def moved(found, by_s):
        return [(on + by_s, off + by_s) for on, off in found]

    here = counted(scorer, moved(reference, 10), moved(hypothesis, 10), 500.0)
    by_s = 10 + shift / 4
    there = counted(scorer, moved(reference, by_s), moved(hypothesis, by_s), 500.0)
    np.testing.assert_allclose(here._values(), there._values(), rtol=1e-12)


@pytest.mark.parametrize("scorer", SCORERS)
@given(one=events, other=events, claimed=events)
def test_concatenating_recordings_adds_counts(scorer, one, other, claimed):
    timeline = Timeline.of([300.0, 310.3])
    reference = timeline.place([as_intervals(one), as_intervals(other)])
    hypothesis = timeline.place([as_intervals(claimed), as_intervals(claimed)])
    both = scorer(timeline, reference, hypothesis).total()
    alone = scorer(*placed(one, claimed, 300.0)) + scorer(*placed(other, claimed, 310.3))
    np.testing.assert_allclose(both._values(), [value[0] for value in alone._values()])


@given(reference=events, hypothesis=events)
def test_swapping_the_sides_of_epochs_swaps_misses_and_false_alarms(reference, hypothesis):
    sides = placed(reference, hypothesis, 300.0)
    there, back = (
        counted(epoch_counts, reference, hypothesis),
        counted(epoch_counts, hypothesis, reference),
    )
    assert (there.tp, there.fp, there.fn) == (back.tp, back.fn, back.fp)
    n = n_epochs(sides[0]).sum()
    np.testing.assert_array_equal(kappa(there, n), kappa(back, n))


@given(reference=events, hypothesis=events)
def test_swapping_the_sides_of_overlap_swaps_what_was_hit(reference, hypothesis):
    """Seizures hit by detections become detections that hit seizures: misses are the other's false
    alarms."""
    there = counted(ovlp_counts, reference, hypothesis)
    back = counted(ovlp_counts, hypothesis, reference)
    assert (there.fn, there.fp) == (back.fp, back.fn)


@given(reference=events, hypothesis=events)
def test_epochs_are_what_their_midpoints_are(reference, hypothesis):
    midpoints = np.arange(0.125, 300.0, 0.25)

    def mask(pairs):
        return np.any([(on < midpoints) & (midpoints <= off) for on, off in pairs], axis=0) & (
            np.ones(len(midpoints), bool)
        )

    truth, claim = mask(reference), mask(hypothesis)
    counts = counted(epoch_counts, reference, hypothesis)
    expected = (truth & claim).sum(), (~truth & claim).sum(), (truth & ~claim).sum()
    assert (counts.tp, counts.fp, counts.fn) == expected


def edit_distance(reference, hypothesis):
    table = np.zeros((len(reference) + 1, len(hypothesis) + 1), int)
    table[0], table[:, 0] = range(len(hypothesis) + 1), range(len(reference) + 1)
    for i, a in enumerate(reference, 1):
        for j, b in enumerate(hypothesis, 1):
            best = min(table[i - 1, j], table[i, j - 1]) + 1
            table[i, j] = min(best, table[i - 1, j - 1] + (a != b))
    return table[-1, -1]


@given(labels, labels)
def test_the_alignment_is_a_cheapest_one(reference, hypothesis):
    seizure, quiet = (np.array(align(reference, hypothesis, label)) for label in "sb")
    hits, insertions, misses = seizure + quiet
    assert hits + misses == len(reference)
    # Every label of the hypothesis is a hit, an insertion or the substitute of a missed one.
    substitutions = len(hypothesis) - hits - insertions
    assert 0 <= substitutions <= misses
    assert insertions + misses == edit_distance(reference, hypothesis)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["bsbsbsbsb", "sbsbsbsbs"]))
def test_alternating_labels_need_no_table(n_reference, n_hypothesis, labels):
    reference, hypothesis = labels[:n_reference], labels[:n_hypothesis]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainbrr.scoring.nedc._alternates", lambda _: False)
        by_table = align(reference, hypothesis)
    assert align(reference, hypothesis) == by_table


def test_a_substituted_label_is_a_miss_and_no_false_alarm():
    assert align("s", "b") == (0, 0, 1)
    assert align("b", "s") == (0, 0, 0)


@given(reference=events, hypothesis=events)
def test_taes_of_separate_events(reference, hypothesis):
    timeline, truth, claim = placed(reference, hypothesis, 300.0)
    counts = taes_counts(timeline, truth, claim).total()
    assert counts.tp >= 0
    assert counts.tp + counts.fn == pytest.approx(len(truth))
    assert counts.tp <= ovlp_counts(timeline, truth, claim).total().tp + 1e-9


def test_overhang_is_capped_and_adds_up():
    one = np.array([[10.0, 20.0]])
    assert taes(one, np.array([[0.0, 15.0]])) == (0.5, 1.0, 0.5)
    assert taes(one, np.array([[0.0, 11.0], [19.0, 40.0]])) == pytest.approx((0.2, 2.0, 0.8))


def test_events_that_touch_do_not_overlap():
    assert not strict_overlap((0.0, 10.0), (10.0, 20.0))
    assert overlap_in_seconds((0.0, 10.2), (10.8, 20.0))
    assert not overlap_in_seconds((0.0, 9.9), (10.0, 20.0))
    counts = counted(ovlp_counts, [(0, 10)], [(10, 20)])
    assert (counts.tp, counts.fp, counts.fn) == (0, 1, 1)


def test_kappa_is_undefined_where_chance_agrees_fully():
    timeline, truth, claim = placed([], [], 60.0)
    counts = epoch_counts(timeline, truth, claim).total()
    assert np.isnan(kappa(counts, n_epochs(timeline).sum()))
    everything = placed([(0, 60)], [(0, 30)], 60.0)
    assert kappa(epoch_counts(*everything).total(), n_epochs(timeline).sum()) == 0.0


def test_the_last_epoch_needs_its_midpoint():
    assert n_epochs(Timeline.of([60.0, 60.1, 60.125, 0.1])).tolist() == [240, 240, 241, 0]
