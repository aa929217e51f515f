import errno
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.layouts import bids
from brainbrr.data.corpora.layouts.source import (
    Source,
)
from brainbrr.data.corpora.split import SplitLeak, by_fractions
from brainbrr.errors import InvalidFile, InvalidOption, NotFound
from brainbrr.events.event import Event

ROOT = Path(__file__).parent


def source(name, subject, split="", seizures=0):
    events = tuple(Event(10.0 * number, 5.0) for number in range(seizures))
    return Source(name, ROOT / name, subject, "", split, events)


def corpus(*sources, **options):
    return Corpus("made", ROOT, lambda _root: list(sources), **options)


def test_sources_come_sorted_with_canonical_splits():
    found = corpus(source("b", "2", "eval"), source("a", "1", "dev")).sources()
    assert [(s.recording_id, s.split) for s in found] == [("a", "val"), ("b", "test")]


def test_a_root_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(NotFound, match="absent, the root of bids, does not exist. Set data.root"):
        Corpus("bids", tmp_path / "absent", bids.find_recordings).sources()


def test_a_root_without_recordings_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(NotFound, match="holds no recording in the layout of bids, but "):
        Corpus("bids", tmp_path, bids.find_recordings).sources()


def test_a_root_of_archives_or_that_is_a_file_is_told_so(tmp_path):
    (tmp_path / "all.zip").write_bytes(b"PK")
    with pytest.raises(NotFound, match=r"but 1 \.zip\. Unpack the archives first"):
        Corpus("bids", tmp_path, bids.find_recordings).sources()
    with pytest.raises(NotFound, match="all.zip, the root of bids, is not a folder. Set data.root"):
        Corpus("bids", tmp_path / "all.zip", bids.find_recordings).sources()


def test_a_folder_that_may_not_be_searched_is_refused(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InvalidFile, match="1 that cannot, e.g. .*locked. Grant access"):
        Corpus("bids", tmp_path, bids.find_recordings).sources()


def test_two_recordings_of_one_name_are_refused():
    with pytest.raises(InvalidFile, match="1 names used twice, e.g. a"):
        corpus(source("a", "1"), source("a", "2")).sources()


def test_a_recording_without_labels_is_refused_and_never_taken_for_background():
    unlabelled = replace(source("b", "2"), events=None)
    with pytest.raises(NotFound, match="none for 1 of 2, e.g. b.*unlabelled=allow"):
        corpus(source("a", "1"), unlabelled).sources()
    allowed = corpus(source("a", "1"), unlabelled, unlabelled="allow").sources()
    assert [s.events for s in allowed] == [(), None]


def test_recordings_without_labels_can_be_left_out_but_not_all_of_them(caplog):
    unlabelled = replace(source("b", "2"), events=None)
    left = corpus(source("a", "1"), unlabelled, unlabelled="leave_out").sources()
    assert [s.recording_id for s in left] == ["a"]
    assert "made: 1 recordings without labels left out" in caplog.text
    with pytest.raises(NotFound, match="none for 1 of 1"):
        corpus(unlabelled, unlabelled="leave_out").sources()


def test_an_unknown_policy_is_refused():
    with pytest.raises(InvalidOption, match="refuse, leave_out or allow; got maybe"):
        corpus(source("a", "1"), unlabelled="maybe")


def test_an_official_split_that_leaks_is_refused():
    with pytest.raises(SplitLeak, match="e.g. 1 in train, val"):
        corpus(source("a", "1", "train"), source("b", "1", "dev")).sources()


def test_an_official_split_of_some_recordings_is_refused():
    with pytest.raises(InvalidFile, match="1 of 2 recordings without one"):
        corpus(source("a", "1", "train"), source("b", "2")).sources()


def test_division_decides_where_there_is_no_official_split_or_it_is_not_wanted():
    division = partial(by_fractions, train=0.6, val=0.2, test=0.2, seed=3)
    sources = [source(f"r{n}", f"s{n // 2}", "train", n % 2) for n in range(20)]
    kept = corpus(*sources, division=division).sources()
    assert {s.split for s in kept} == {"train"}
    divided = corpus(*sources, division=division, official_split=False).sources()
    assert {s.split for s in divided} == {"train", "val", "test"}
    assert len({(s.subject, s.split) for s in divided}) == 10


def test_a_subject_has_seizures_if_any_of_its_recordings_does():
    seen = {}

    def division(subjects):
        seen.update(subjects)
        return dict.fromkeys(subjects, "train")

    corpus(source("a", "1"), source("b", "1", "", 1), source("c", "2"), division=division).sources()
    assert seen == {"1": True, "2": False}


def test_a_handful_of_recordings_is_drawn_from_every_split_with_and_without_seizures():
    sources = [
        source(f"{split}{n:02d}", f"{split}{n}", split, n % 5 == 0)
        for split in ("train", "val", "test")
        for n in range(20)
    ]
    made = corpus(*sources, max_recordings=6)
    chosen = made.select(made.sources())
    assert len(chosen) == 6
    assert {(s.split, s.has_seizures) for s in chosen} == {
        (split, has) for split in ("train", "val", "test") for has in (True, False)
    }
    assert made.select(made.sources()) == chosen


def test_too_few_subjects_leave_a_corpus_undivided_and_say_so(caplog):
    division = partial(by_fractions, train=0.6, val=0.2, test=0.2, seed=3)
    found = corpus(source("a", "1"), source("b", "2"), division=division).sources()
    assert [s.split for s in found] == ["", ""]
    assert "made is not divided into splits: TooFewSubjects" in caplog.text
