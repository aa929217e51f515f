import os

import numpy as np
import pytest

from brainbrr.data.corpora.cache import (
    CacheEntry,
    FileStat,
    RefusedEntry,
    StaleCache,
    file_sha256,
    open_signal,
    read_entry,
    write_entry,
)
from brainbrr.data.corpora.manifest import ManifestRow

SIGNAL = np.arange(19 * 40, dtype=np.int16).reshape(19, 40)


@pytest.fixture
def row(tmp_path):
    np.save(tmp_path / "a.npy", SIGNAL)
    return ManifestRow(
        recording_id="a",
        corpus="made",
        subject="s",
        session="",
        split="train",
        source="a.edf",
        source_sha256="",
        duration_s=40 / 256,
        source_rate_hz=256.0,
        source_channels=[],
        observed=[True] * 19,
        interpolated=[],
        reference="average",
        mains_hz=None,
        gaps=[],
        bad_spans=[],
        center_uv=[0.0] * 19,
        scale_uv=[1.0] * 19,
        events=[[1.0, 2.0, "sz"]],
        cache_file="a.npy",
        cache_sha256=file_sha256(tmp_path / "a.npy"),
        preparation_digest="0",
    )


def test_a_signal_is_mapped_not_loaded(tmp_path, row):
    signal = open_signal(row, tmp_path)
    assert isinstance(signal, np.memmap)
    assert not signal.flags.writeable
    np.testing.assert_array_equal(signal, SIGNAL)


def test_a_changed_byte_is_stale_even_where_it_was_verified_before(tmp_path, row):
    open_signal(row, tmp_path)
    path = tmp_path / "a.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(1, 1))
    with pytest.raises(StaleCache, match="a.npy: other content.*prepare.rebuild=true"):
        open_signal(row, tmp_path)
    assert open_signal(row, tmp_path, verify=False).shape == (19, 40)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda path: path.unlink(), "FileNotFoundError"),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), "ValueError"),
        (lambda path: path.write_bytes(b""), "EOFError"),
        (lambda path: np.save(path, SIGNAL.astype(np.float32)), "float32 of shape"),
        (lambda path: np.save(path, SIGNAL[:18]), r"int16 of shape \(18, 40\)"),
        (lambda path: np.save(path, np.array([{}], dtype=object)), "ValueError"),
    ],
)
def test_a_damaged_signal_is_stale(tmp_path, row, damage, fault):
    damage(tmp_path / "a.npy")
    with pytest.raises(StaleCache, match=fault):
        open_signal(row, tmp_path)


@pytest.fixture
def entry(row):
    facts = {name: value for name, value in vars(row).items() if name not in LABELS}
    stats = {"source_stat": FileStat(1, 2), "cache_stat": FileStat(3, 4)}
    return CacheEntry(**facts, **stats, version="1")


LABELS = {"subject", "session", "split", "events"}
EARLIER = (
    '{"source": {"size": 1, "mtime_ns": 2}, "row": {"recording_id": "a", "corpus": "made", '
    '"subject": "", "session": "", "split": "", "source": "a.edf", "source_sha256": "", '
    '"duration_s": 0.15625, "source_rate_hz": 256.0, "source_channels": [], "observed": '
    '[TRUES], "interpolated": [], "reference": "average", "mains_hz": null, "gaps": [], '
    '"bad_spans": [], "center_uv": [ZEROS], "scale_uv": [ONES], "events": null, "cache_file": '
    '"a.npy", "cache_sha256": "SHA", "preparation_digest": "0"}, "cached": {"size": 3, '
    '"mtime_ns": 4}, "refusal": null, "version": "1"}'
)
"""An entry as every version wrote it, byte for byte."""


def test_an_entry_has_the_bytes_of_every_version_and_comes_back(tmp_path, row, entry):
    write_entry(entry, tmp_path / "a.json")
    expected = EARLIER.replace("SHA", row.cache_sha256)
    for name, value in (("TRUES", "true"), ("ZEROS", "0.0"), ("ONES", "1.0")):
        expected = expected.replace(name, ", ".join([value] * 19))
    assert (tmp_path / "a.json").read_text() == expected
    assert read_entry(tmp_path / "a.json") == entry


def test_an_entry_and_a_listing_make_a_row(row, entry):
    listed = {"subject": "s", "session": "", "split": "train", "source": "a.edf"}
    assert entry.row(**listed, events=row.events) == row
    moved = entry.row(**{**listed, "source": "b/a.edf"}, events=None)
    assert (moved.source, moved.events) == ("b/a.edf", None)


def test_a_refusal_has_the_bytes_of_every_version_and_comes_back(tmp_path):
    entry = RefusedEntry(None, "NotAnEdf", "expected an EDF", "1")
    write_entry(entry, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == (
        '{"source": null, "row": null, "cached": null, "refusal": {"reason": "NotAnEdf", '
        '"detail": "expected an EDF"}, "version": "1"}'
    )
    assert read_entry(tmp_path / "a.json") == entry


@pytest.mark.parametrize("text", ["", "{", "{}", '{"source": {"bytes": 3}}'])
def test_an_entry_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert read_entry(tmp_path / "a.json") is None
