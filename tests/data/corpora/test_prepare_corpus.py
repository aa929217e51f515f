import errno
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from edfio import Patient, Recording
from hypothesis import given

from brainbrr.data.corpora import prepare_recording
from brainbrr.data.corpora.cache import open_signal
from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.layouts import bids, folder
from brainbrr.data.corpora.manifest import read_manifest
from brainbrr.data.corpora.prepare_corpus import (
    MANIFEST,
    prepare_corpus,
    shard_of,
)
from brainbrr.data.corpora.prepare_recording import ENTRIES, LOCK_FILE
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.errors import Failed, InvalidFile, NotFound
from brainbrr.signal.electrodes import ELECTRODES

CANARY = "Zebedee"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def corpus(bids_root):
    return Corpus("made", bids_root, bids.find_recordings)


def prepare(corpus, cache, **options):
    options = {"workers": 1, "show_progress": False, **options}
    return prepare_corpus(corpus, Preparation(), cache, **options)


def content(folder):
    """Every file's bytes, but for file stats and locks."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ENTRIES not in path.parts and path.name != LOCK_FILE
    }


def test_a_corpus_lands_in_the_cache(corpus, cache):
    prepared = prepare(corpus, cache)
    assert prepared.folder == cache / Preparation().digest / "made"
    assert prepared.n_prepared == len(prepared.rows) == 6
    assert prepared.quarantine == ()
    assert read_manifest(prepared.folder / MANIFEST) == list(prepared.rows)
    row = prepared.rows[0]
    assert (row.corpus, row.subject, row.session, row.split) == (
        "made",
        "sub-01",
        "ses-01",
        "train",
    )
    assert row.source == "sub-01/ses-01/eeg/sub-01_ses-01_task-szMonitoring_run-00_eeg.edf"
    assert row.events == [[2.0, 3.0, "sz_foc_ia"]]
    assert row.duration_s == 8.0
    assert row.observed == [True] * 19
    eeg = open_signal(row, prepared.folder)
    assert eeg.shape == (19, 8 * 256)
    assert eeg.std() > 10
    assert [row.subject for row in prepared.of_split("eval")] == ["sub-06"]


def test_a_split_without_recordings_is_refused(corpus, cache):
    tested = prepare(corpus, cache, splits=("eval",))
    with pytest.raises(NotFound, match="in the split train; got 1 recordings in test"):
        tested.of_split("train")


def test_a_second_run_does_nothing(corpus, cache):
    first = prepare(corpus, cache)
    times = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.name != LOCK_FILE}
    second = prepare(corpus, cache)
    assert second.n_prepared == 0
    assert second.rows == first.rows
    assert times == {path: path.stat().st_mtime_ns for path in times}


def test_only_what_is_missing_is_prepared(corpus, cache, write_edf, write_events):
    prepare(corpus, cache)
    stem = corpus.root / "sub-09" / "eeg" / "sub-09_task-x"
    write_edf(Path(f"{stem}_eeg.edf"), seed=9)
    write_events(Path(f"{stem}_events.tsv"))
    participants = corpus.root / "participants.tsv"
    participants.write_text(participants.read_text() + "sub-09\tval\n")
    prepared = prepare(corpus, cache)
    assert prepared.n_prepared == 1
    assert len(prepared.rows) == 7


def test_corrected_labels_and_splits_need_no_preparation(corpus, cache, write_events):
    prepare(corpus, cache)
    write_events(next(corpus.root.rglob("sub-02*_events.tsv")), (1.0, 2.0, "sz"))
    participants = corpus.root / "participants.tsv"
    participants.write_text(participants.read_text().replace("sub-02\ttrain", "sub-02\tval"))
    prepared = prepare(corpus, cache)
    assert prepared.n_prepared == 0
    assert prepared.rows[1].events == [[1.0, 2.0, "sz"]]
    assert prepared.rows[1].split == "val"
    assert read_manifest(prepared.folder / MANIFEST) == list(prepared.rows)


CORRECTIONS = (
    "recording_id\tonset\tduration\teventType\taction\toriginalOnset\toriginalDuration\tkind\n"
)


def corrected(corpus, *rows):
    path = corpus.root.parent / "corrections.tsv"
    lines = ("\t".join((row[0] + "_ses-01_task-szMonitoring_run-00", *row[1:])) for row in rows)
    path.write_text(CORRECTIONS + "".join(f"{line}\n" for line in lines))
    return replace(corpus, corrections=path)


def test_a_reviewer_s_corrections_change_labels_and_are_told(corpus, cache):
    prepare(corpus, cache)
    prepared = prepare(
        corrected(
            corpus,
            ("sub-01", "2.5", "3", "sz", "move", "2", "3", "hit"),
            ("sub-02", "1", "2", "sz", "keep", "1", "2", "false alarm"),
            ("sub-03", "2", "3", "sz", "drop", "2", "3", "missed seizure"),
        ),
        cache,
    )
    assert prepared.n_prepared == 0
    assert [row.events for row in prepared.rows[:3]] == [[[2.5, 3.0, "sz"]], [[1.0, 2.0, "sz"]], []]
    assert [spans for _, spans in sorted(prepared.corrected_s.items())] == [
        ((2.0, 5.5),),
        ((1.0, 3.0),),
        ((2.0, 5.0),),
    ]


def test_corrections_of_other_or_unlabelled_recordings_are_refused(corpus, cache):
    keep = ("1", "2", "sz", "keep", "1", "2", "hit")
    with pytest.raises(InvalidFile, match="1 others, e.g. sub-44"):
        prepare(corrected(corpus, ("sub-44", *keep)), cache)
    next(corpus.root.rglob("sub-02*_events.tsv")).unlink()
    with pytest.raises(InvalidFile, match="sub-02.* has corrections but no labels"):
        prepare(replace(corrected(corpus, ("sub-02", *keep)), unlabelled="allow"), cache)


def test_some_recordings_of_some_splits(corpus, cache):
    tested = prepare(corpus, cache, splits=("eval",))
    assert [row.subject for row in tested.rows] == ["sub-06"]
    few = prepare(replace(corpus, max_recordings=3), cache)
    assert {row.split for row in few.rows} == {"train", "val", "test"}
    # The manifest holds all that the cache holds, whoever asked for it.
    assert len(read_manifest(few.folder / MANIFEST)) == 3
    prepare(corpus, cache)
    assert len(read_manifest(few.folder / MANIFEST)) == 6
    assert len(prepare(replace(corpus, max_recordings=3), cache).rows) == 3
    assert len(read_manifest(few.folder / MANIFEST)) == 6


def test_workers_give_the_same_cache_as_one_process(corpus, cache, tmp_path):
    alone = prepare(corpus, tmp_path / "alone")
    together = prepare(corpus, cache, workers=2)
    assert together.n_prepared == 6
    assert content(together.folder) == content(alone.folder)


def test_a_seizure_that_outlasts_its_recording_a_little_ends_with_it(corpus, cache, write_events):
    write_events(next(corpus.root.rglob("sub-01*_events.tsv")), (7.0, 1.5, "sz"))
    assert prepare(corpus, cache).rows[0].events == [[7.0, 1.0, "sz"]]


def test_nothing_usable_is_refused(corpus, cache):
    for path in corpus.root.rglob("*_eeg.edf"):
        path.write_bytes(b"broken")
    with pytest.raises(Failed, match="usable recordings of made; got none of 6, e.g. sub-01/"):
        prepare(corpus, cache)


def test_unlabelled_recordings_stay_unlabelled(corpus, cache):
    next(corpus.root.rglob("sub-01*_events.tsv")).unlink()
    prepared = prepare(replace(corpus, unlabelled="allow"), cache)
    assert [row.events for row in prepared.rows][:2] == [None, []]


def test_what_others_put_into_the_cache_stays(corpus, cache):
    prepared = prepare(corpus, cache)
    strangers = [
        prepared.folder / "notes.txt",
        prepared.folder / "other.npy",
        prepared.folder / ".other.npy.1.tmp",
        prepared.folder / ENTRIES / "other.json",
    ]
    for path in strangers:
        path.write_text("mine")
    prepare(corpus, cache, rebuild=True)
    assert [path.read_text() for path in strangers] == ["mine"] * 4
    assert len(read_manifest(prepared.folder / MANIFEST)) == 6


RUN = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from brainbrr.data.corpora.layouts import bids
    from brainbrr.data.corpora.corpus import Corpus
    from brainbrr.data.preparation.preparation import Preparation
    from brainbrr.data.corpora.prepare_corpus import prepare_corpus

    if __name__ == "__main__":
        root, cache, workers = sys.argv[1:]
        prepared = prepare_corpus(
            Corpus("made", Path(root), bids.find_recordings), Preparation(), Path(cache),
            workers=int(workers), show_progress=False,
        )
        print(prepared.n_prepared, len(prepared.rows))
    """
)


def start(tmp_path, corpus, cache, workers=1):
    script = tmp_path / "run_prepare.py"
    script.write_text(RUN)
    return subprocess.Popen(
        [sys.executable, str(script), str(corpus.root), str(cache), str(workers)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(prepare_recording.__file__).parents[3])},
    )


@pytest.mark.parametrize("n_entries", [1, 4])
def test_a_killed_run_goes_on_and_leaves_the_same_cache(corpus, cache, tmp_path, n_entries):
    expected = content(prepare(corpus, tmp_path / "whole").folder)
    process = start(tmp_path, corpus, cache)
    deadline = time.monotonic() + 60
    while len(list(cache.rglob(f"{ENTRIES}/*.json"))) < n_entries:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run wrote nothing"
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(list(cache.rglob(f"{ENTRIES}/*.json"))) < 6
    resumed = prepare(corpus, cache)
    assert content(resumed.folder) == expected
    assert not list(cache.rglob("*.tmp"))


@pytest.mark.slow
def test_runs_killed_at_any_instant_end_in_the_same_cache(corpus, cache, tmp_path):
    expected = content(prepare(corpus, tmp_path / "whole").folder)
    generator = np.random.default_rng(5)
    for _ in range(12):
        process = start(tmp_path, corpus, cache, workers=2)
        time.sleep(float(generator.uniform(0.5, 4.0)))
        # The parent alone at times, so that its workers have to find out.
        kill = os.kill if generator.random() < 0.5 else os.killpg
        kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert content(prepare(corpus, cache).folder) == expected


@pytest.mark.parametrize("remains", ["half a signal", "a signal without entry", "half an entry"])
def test_what_a_killed_run_left_of_a_recording_is_made_good(corpus, cache, tmp_path, remains):
    expected = content(prepare(corpus, tmp_path / "whole").folder)
    prepared = prepare(corpus, cache)
    name = prepared.rows[2].recording_id
    signal_file, entry = prepared.folder / f"{name}.npy", prepared.folder / ENTRIES / f"{name}.json"
    entry.unlink()
    if remains == "half a signal":
        signal_file.rename(signal_file.with_name(f".{name}.npy.4242.tmp"))
    elif remains == "half an entry":
        entry.with_name(f".{name}.json.4242.tmp").write_text('{"source"')
        signal_file.write_bytes(b"other")
    (prepared.folder / MANIFEST).unlink()
    resumed = prepare(corpus, cache)
    assert resumed.n_prepared == 1
    assert content(resumed.folder) == expected


def test_without_locks_the_cache_is_the_same_and_nothing_is_removed(
    corpus, cache, tmp_path, monkeypatch
):
    expected = content(prepare(corpus, tmp_path / "whole").folder)

    def refuse(*_arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.lockf", refuse)
    name = "sub-01_ses-01_task-szMonitoring_run-00"
    others = cache / Preparation().digest / "made" / f".{name}.npy.4242.tmp"
    others.parent.mkdir(parents=True)
    others.write_bytes(b"of another process")
    prepared = prepare(corpus, cache)
    assert others.read_bytes() == b"of another process"
    others.unlink()
    assert content(prepared.folder) == expected


def test_two_runs_share_one_cache(corpus, cache, tmp_path):
    expected = content(prepare(corpus, tmp_path / "whole").folder)
    runs = [start(tmp_path, corpus, cache) for _ in range(2)]
    message = [run.communicate(timeout=120)[0].split() for run in runs]
    assert sum(int(n_prepared) for n_prepared, _ in message) == 6
    assert [n_rows for _, n_rows in message] == ["6", "6"]
    assert content(cache / Preparation().digest / "made") == expected


def test_nothing_that_identifies_a_person_leaves_the_source(
    tmp_path, cache, write_edf, caplog, capfd
):
    root = tmp_path / "corpus"
    identity = {
        "patient": Patient(code=f"{CANARY}1", name=f"{CANARY}_Two"),
        "recording": Recording(
            hospital_administration_code=f"{CANARY}3",
            investigator_technician_code=f"{CANARY}4",
            equipment_code=f"{CANARY}5",
        ),
        "transducer": f"{CANARY} 6",
    }
    notes = ((1.0, 2.0, "seizure"), (3.0, None, f"{CANARY} moves"))
    labels = ("EEG Fp1-REF", "EEG F3-REF", "EEG C3-REF", "EEG O1-REF", "EEG Cz-REF", f"{CANARY} 7")
    whole = write_edf(root / "a_1.edf", annotations=notes, labels=labels * 1, **identity)
    write_edf(root / "b_1.edf", annotations=notes, **identity)
    damaged = bytearray(whole.read_bytes())
    damaged[176 + 8 : 192] = f"{CANARY}8".encode()[:8]
    damaged[236:252] = f"{CANARY}  {CANARY}".encode()[:16]
    (root / "c_1.edf").write_bytes(bytes(damaged))
    (root / "d_1.edf").write_bytes(bytes(whole.read_bytes()[:900]))
    (root / "d_1_events.tsv").write_text("onset\tduration\teventType\n1\t2\tsz\n")
    (root / "c_1_events.tsv").write_text("onset\tduration\teventType\n1\t2\tsz\n")
    corpus = Corpus("ward", root, partial(folder.find_recordings, annotations="complete"))
    with caplog.at_level(logging.DEBUG):
        prepared = prepare(corpus, cache)
    assert {row.recording_id for row in prepared.rows} >= {"b_1"}
    assert prepared.quarantine
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        assert CANARY.lower().encode() not in path.read_bytes().lower(), path
    message = capfd.readouterr()
    for text in (caplog.text, message.out, message.err, repr(prepared)):
        assert CANARY.lower() not in text.lower()


def test_a_format_that_another_library_reads_leaves_no_name_either(tmp_path, cache, caplog, capfd):
    import mne

    root = tmp_path / "corpus"
    root.mkdir()
    info = mne.create_info(list(ELECTRODES), 256.0, "eeg")
    info["subject_info"] = {"last_name": CANARY, "his_id": f"{CANARY}1"}
    info["description"] = f"{CANARY} 2"
    volts = 3e-5 * np.random.default_rng(0).standard_normal((19, 8 * 256))
    whole = root / "a_1_raw.fif"
    mne.io.RawArray(volts, info, verbose="ERROR").save(whole, verbose="ERROR")
    content = whole.read_bytes()
    (root / "b_1_raw.fif").write_bytes(content[: len(content) // 2])
    (root / "c_1_raw.fif").write_bytes(content.replace(b"EEG", CANARY[:3].encode()))
    corpus = Corpus("ward", root, partial(folder.find_recordings, annotations="ignore"))
    corpus = replace(corpus, unlabelled="allow")
    capfd.readouterr()
    with caplog.at_level(logging.DEBUG):
        prepared = prepare(corpus, cache)
    assert "a_1_raw" in {row.recording_id for row in prepared.rows}
    assert prepared.quarantine
    message = capfd.readouterr()
    texts = [path.read_bytes() for path in cache.rglob("*") if path.is_file()]
    texts += [text.encode() for text in (caplog.text, message.out, message.err, repr(prepared))]
    assert len(texts) > 8
    assert not [text for text in texts if CANARY.lower().encode() in text.lower()]


def test_a_cache_that_cannot_be_made_is_refused(corpus, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Failed, match="Not a directory"):
        prepare(corpus, tmp_path / "file")


@given(st.integers(0, 40), st.integers(1, 9))
def test_shares_are_disjoint_and_complete(n_items, n_shares):
    shares = [shard_of(range(n_items), f"{number}/{n_shares}") for number in range(n_shares)]
    assert sorted(item for share in shares for item in share) == list(range(n_items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_without_a_share_it_is_everything():
    assert shard_of("abc", None) == ["a", "b", "c"]


@pytest.mark.parametrize("share", ["3/3", "1", "a/2", "-1/2", "1/0", ""])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(match=r"prepare.share=K/N with 0 <= K < N; got .*prepare\.share=0/8"):
        shard_of([1], share)
