from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.corpora.split import (
    SPLITS,
    SplitLeak,
    TooFewSubjects,
    by_fold,
    by_fractions,
    by_leaving_out,
    canonical_split,
    check_disjoint,
)
from brainbrr.errors import InvalidOption


@dataclass(frozen=True)
class Belongs:
    subject: str
    split: str


subjects = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.booleans(), min_size=3)


def fractions(subjects, seed=1, train=0.7, val=0.15, test=0.15):
    return by_fractions(subjects, train=train, val=val, test=test, seed=seed)


@given(subjects, st.integers(0, 99))
def test_fractions_give_every_subject_one_split_and_leave_none_empty(subjects, seed):
    split = fractions(subjects, seed)
    assert set(split) == set(subjects)
    assert set(split.values()) == set(SPLITS)


@given(subjects, st.integers(0, 99))
def test_fractions_do_not_depend_on_the_order_of_subjects(subjects, seed):
    assert fractions(subjects, seed) == fractions(dict(reversed(subjects.items())), seed)


def test_fractions_share_out_subjects_with_seizures_like_the_others():
    subjects = {f"s{number:03d}": number < 20 for number in range(100)}
    split = fractions(subjects)
    n_with = {name: sum(split[s] == name for s in subjects if subjects[s]) for name in SPLITS}
    n_all = {name: sum(value == name for value in split.values()) for name in SPLITS}
    assert n_with == {"train": 14, "val": 3, "test": 3}
    assert n_all == {"train": 70, "val": 15, "test": 15}


def test_another_seed_gives_another_split():
    subjects = {f"s{number}": True for number in range(30)}
    assert fractions(subjects, 1) != fractions(subjects, 2)


def test_a_share_of_zero_stays_empty():
    assert set(fractions({"a": True, "b": False}, val=0.0).values()) == {"train", "test"}


def test_too_few_subjects_are_refused():
    with pytest.raises(TooFewSubjects, match="a subject for each of 3 splits; got 2 subjects"):
        fractions({"a": True, "b": True})


@given(st.integers(3, 6), st.integers(0, 9))
def test_each_subject_is_tested_in_exactly_one_fold(n_folds, seed):
    subjects = {f"s{number}": number % 3 == 0 for number in range(11)}
    folds = [by_fold(subjects, n_folds=n_folds, fold=fold, seed=seed) for fold in range(n_folds)]
    for subject in subjects:
        roles = [fold[subject] for fold in folds]
        assert roles.count("test") == 1
        assert roles.count("val") == 1
    for fold in folds:
        tested = [subject for subject in subjects if fold[subject] == "test"]
        assert any(subjects[subject] for subject in tested) or n_folds > 4


@pytest.mark.parametrize(("n_folds", "n_subjects"), [(2, 9), (5, 4)])
def test_folds_need_subjects(n_folds, n_subjects):
    subjects = {str(number): True for number in range(n_subjects)}
    with pytest.raises(TooFewSubjects, match=f"{n_folds} folds, {n_subjects} subjects"):
        by_fold(subjects, n_folds=n_folds, fold=0, seed=1)


def test_a_fold_that_does_not_exist_is_refused():
    with pytest.raises(InvalidOption, match="a fold from 0 to 2; got 3"):
        by_fold({"a": True, "b": True, "c": True}, n_folds=3, fold=3, seed=1)


def test_leaving_one_out_tests_that_one_only():
    subjects = {f"s{number}": True for number in range(8)}
    split = by_leaving_out(subjects, subject="s3", val=0.2, seed=1)
    assert [subject for subject in subjects if split[subject] == "test"] == ["s3"]
    assert "val" in split.values()


def test_leaving_out_a_stranger_is_refused():
    with pytest.raises(InvalidOption, match="a subject among a, b; got c"):
        by_leaving_out({"a": True, "b": True}, subject="c", val=0.5, seed=1)


def test_a_subject_in_two_splits_is_refused():
    rows = [Belongs("a", "train"), Belongs("b", "val"), Belongs("a", "val")]
    with pytest.raises(SplitLeak, match="1 in several, e.g. a in train, val"):
        check_disjoint(rows)


def test_disjoint_splits_pass_and_unassigned_recordings_do_not_count():
    check_disjoint([Belongs("a", "train"), Belongs("a", ""), Belongs("b", "val")])


@pytest.mark.parametrize(
    ("spelling", "split"),
    [("dev", "val"), ("eval", "test"), ("Train", "train"), (" test ", "test"), ("n/a", "")],
)
def test_spellings_of_splits(spelling, split):
    assert canonical_split(spelling) == split


def test_an_unknown_split_is_refused():
    with pytest.raises(InvalidOption, match="got holdout"):
        canonical_split("holdout")
