"""Completion in a real bash, with its own word breaks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brainbrr.cli.completion import completions

TYPED = {
    "brainbrr tr": ["train "],
    "brainbrr train hardware=a100": ["a100_40gb ", "a100_80gb "],
    "brainbrr train seed=1 opti": ["optimizer.", "optimizer="],
    "brainbrr train data.roo": ["data.root="],
    "brainbrr predict overwrite=t": ["true "],
    "brainbrr sweep-table fol": ["folder="],
}


@pytest.mark.parametrize("line", TYPED)
def test_a_line_completes(line: str) -> None:
    key = line.rpartition(" ")[2].partition("=")[0] + "=" if "=" in line.rpartition(" ")[2] else ""
    assert completions(line) == [key + text for text in TYPED[line]]


def test_what_is_no_command_has_no_completion() -> None:
    assert completions("brainbrr trian se") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_after_eval(tmp_path: Path) -> None:
    (tmp_path / "brainbrr").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m brainbrr "$@"\n')
    (tmp_path / "brainbrr").chmod(0o755)
    line = "brainbrr train hardware=a100"
    script = f"""
        eval "$(brainbrr -sc install=bash)" && complete -p brainbrr > /dev/null || exit 1
        COMP_LINE="{line}" COMP_POINT={len(line)}
        _brainbrr brainbrr && printf '%s,' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "a100_40gb ,a100_80gb ,"


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from brainbrr.cli.main import main

    with pytest.raises(SystemExit, match="2"):
        main(["-sc", "install=fish"])
    assert "expected -sc install=bash; got install=fish" in capsys.readouterr().err
