"""Files are whole or absent."""

from pathlib import Path

import pytest

from brainbrr.durable import open_durable


def test_content_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with open_durable(target) as file:
        file.write("whole\n")
        assert not target.exists()
    assert target.read_text() == "whole\n"


def test_failure_keeps_the_former_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"former")
    with pytest.raises(ZeroDivisionError), open_durable(target, "wb") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert target.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [target]
