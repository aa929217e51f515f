"""Files of a release, and none besides."""

import os
from pathlib import Path

import pytest

from brainbrr.release.artifact import load_release
from brainbrr.release.description import WEIGHTS
from brainbrr.release.released_files import (
    DESCRIPTION,
    MAX_BYTES,
    OLDER_DESCRIPTION,
    digest,
    holds_release,
    read_description_file,
    read_file,
    require_digest,
)
from brainbrr.release.untrusted import InvalidDetector


def test_files_that_are_not_part_of_a_release_are_named_and_not_opened(
    copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (copy / "card.md").write_text("a card")
    assert load_release(copy, check=False)
    assert not caplog.records
    os.mkfifo(copy / "weights\x1b.bin")
    assert load_release(copy, check=False)
    assert "ignored, not part of a release: ['weights\\x1b.bin']" in caplog.text


def test_a_link_leads_into_its_root_and_nowhere_else(tmp_path: Path) -> None:
    folder, blobs = tmp_path / "snapshot", tmp_path / "blobs"
    folder.mkdir()
    blobs.mkdir()
    (blobs / "a1").write_bytes(b"{}")
    (folder / DESCRIPTION).symlink_to(blobs / "a1")
    assert read_file(folder, DESCRIPTION, root=tmp_path) == b"{}"
    with pytest.raises(InvalidDetector, match="a link that leads out of it"):
        read_file(folder, DESCRIPTION)


def test_what_is_no_ordinary_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidDetector, match="FileNotFoundError"):
        read_file(tmp_path, DESCRIPTION)
    os.mkfifo(tmp_path / DESCRIPTION)
    with pytest.raises(InvalidDetector, match="as a regular file; got another kind"):
        read_file(tmp_path, DESCRIPTION)
    (tmp_path / WEIGHTS).write_bytes(b"12345")
    monkeypatch.setitem(MAX_BYTES, WEIGHTS, 5)
    assert read_file(tmp_path, WEIGHTS) == b"12345"
    monkeypatch.setitem(MAX_BYTES, WEIGHTS, 4)
    with pytest.raises(InvalidDetector, match="at most 4 bytes; got 5"):
        read_file(tmp_path, WEIGHTS)


def test_a_changed_byte_is_noticed_if_there_is_a_digest() -> None:
    digests = {WEIGHTS: digest(b"the weights")}
    require_digest(WEIGHTS, b"the weights", digests)
    require_digest(WEIGHTS, b"anything", {})
    with pytest.raises(InvalidDetector, match="a changed byte"):
        require_digest(WEIGHTS, b"the weightz", digests)


def test_two_descriptions_are_refused_and_each_alone_is_read(tmp_path: Path) -> None:
    assert not holds_release(tmp_path)
    (tmp_path / OLDER_DESCRIPTION).write_text("schema: 1\nnames: [a, b]\n")
    assert holds_release(tmp_path)
    assert read_description_file(tmp_path) == {"schema": 1, "names": ["a", "b"]}
    (tmp_path / DESCRIPTION).write_text('{"schema": 3}')
    with pytest.raises(InvalidDetector, match="which may differ"):
        read_description_file(tmp_path)
    (tmp_path / OLDER_DESCRIPTION).unlink()
    assert read_description_file(tmp_path) == {"schema": 3}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: &x 1\nb: *x\n", "an anchor or alias"),
        ("a: !!python/object/apply:os.system [ls]\n", "the tag"),
        ("a: 1\na: 2\n", "twice"),
        ("[" * 100 + "]" * 100, "levels"),
        ("a: [1\n", "plain YAML"),
    ],
)
def test_yaml_that_is_more_than_plain_is_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / OLDER_DESCRIPTION).write_text(text)
    with pytest.raises(InvalidDetector, match=match):
        read_description_file(tmp_path)
