"""One recording into the cache: held, made again, quarantined, or refused with the disk."""

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from brainbrr.data.corpora import prepare_recording
from brainbrr.data.corpora.cache import StaleCache
from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.layouts import bids
from brainbrr.data.corpora.prepare_corpus import (
    QUARANTINE,
    prepare_corpus,
)
from brainbrr.data.corpora.prepare_recording import ENTRIES, LOCK_FILE
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.errors import Failed


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


def first_edf(root: Path) -> Path:
    return next(iter(sorted(root.rglob("*_eeg.edf"))))


def test_a_refused_recording_is_quarantined_with_its_reason_and_not_tried_again(corpus, cache):
    path = first_edf(corpus.root)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    prepared = prepare(corpus, cache)
    assert len(prepared.rows) == 5
    (refused,) = prepared.quarantine
    assert refused.source == path.relative_to(corpus.root).as_posix()
    assert refused.detail.startswith("expected ")
    line = (prepared.folder / QUARANTINE).read_text()
    assert refused.reason in line
    assert line.count("\n") == 1
    entry = prepared.folder / ENTRIES / f"{refused.recording_id}.json"
    written = entry.stat().st_mtime_ns
    prepare(corpus, cache)
    assert entry.stat().st_mtime_ns == written


def test_a_mended_recording_leaves_quarantine(corpus, cache, write_edf):
    path = first_edf(corpus.root)
    path.write_bytes(b"broken")
    assert len(prepare(corpus, cache).quarantine) == 1
    write_edf(path, seed=1)
    mended = prepare(corpus, cache)
    assert (mended.n_prepared, mended.quarantine, len(mended.rows)) == (1, (), 6)
    assert (mended.folder / QUARANTINE).read_text() == ""


def test_a_broken_link_is_quarantined(corpus, cache):
    path = first_edf(corpus.root)
    path.unlink()
    path.symlink_to("/nonexistent/annex/key")
    (refused,) = prepare(corpus, cache).quarantine
    assert (refused.reason, refused.detail) == ("UnreadableSource", "FileNotFoundError")


def test_labels_of_another_recording_are_quarantined(corpus, cache, write_events):
    write_events(next(corpus.root.rglob("sub-01*_events.tsv")), (7.0, 30.0, "sz"))
    (refused,) = prepare(corpus, cache).quarantine
    assert refused.reason == "LabelsBeyondRecording"
    assert "from 7 to 37 s" in refused.detail


def test_a_changed_recording_is_stale_until_it_is_rebuilt(corpus, cache, write_edf):
    before = prepare(corpus, cache)
    write_edf(first_edf(corpus.root), seed=77)
    with pytest.raises(StaleCache, match=r"1 changed.*sub-01.*\(the recording\).*prepare.rebuild"):
        prepare(corpus, cache)
    rebuilt = prepare(corpus, cache, rebuild=True)
    assert rebuilt.n_prepared == 6
    assert rebuilt.rows[0].source_sha256 != before.rows[0].source_sha256
    assert rebuilt.rows[1:] == before.rows[1:]


def test_a_touched_recording_is_compared_by_content(corpus, cache):
    prepare(corpus, cache)
    os.utime(first_edf(corpus.root), ns=(1, 1))
    again = prepare(corpus, cache)
    assert (again.n_prepared, len(again.rows)) == (0, 6)


def test_a_changed_signal_is_stale(corpus, cache):
    prepared = prepare(corpus, cache)
    path = prepared.folder / prepared.rows[0].cache_file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(StaleCache, match=r"\(its cached signal\)"):
        prepare(corpus, cache)


def test_a_signal_that_was_removed_is_made_again(corpus, cache):
    prepared = prepare(corpus, cache)
    (prepared.folder / prepared.rows[0].cache_file).unlink()
    assert prepare(corpus, cache).n_prepared == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_or_read_only_disk_is_refused_and_what_is_there_stays(
    corpus, cache, monkeypatch, code
):
    before = prepare(corpus, cache)
    cached = content(before.folder)

    def full(*_arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(prepare_recording, "prepare_file", full)
    with pytest.raises(Failed, match=f"{os.strerror(code)} in .*paths.cache"):
        prepare(corpus, cache, rebuild=True)
    assert content(before.folder) == cached


def test_a_signal_that_finds_no_room_leaves_nothing_behind(corpus, cache):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(Failed, match="File too large"):
            prepare(corpus, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {LOCK_FILE}
    assert len(prepare(corpus, cache).rows) == 6


def test_a_full_file_system_is_refused(corpus):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with (
        pytest.raises(Failed, match="No space left on device in cache"),
        prepare_recording.cache_writable(Path("cache")),
        Path("/dev/full").open("wb", buffering=0) as file,
    ):
        file.write(b"1")


def test_other_errors_of_the_system_are_not_mistaken_for_a_full_disk():
    with pytest.raises(OSError, match="Input/output"), prepare_recording.cache_writable(Path("x")):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_scale_and_centre_survive(corpus, cache):
    row = prepare(corpus, cache).rows[0]
    assert np.isfinite(row.center_uv).all()
    assert (np.asarray(row.scale_uv) > 0).all()
