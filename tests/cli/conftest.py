"""Commands run as users run them, in a folder of their own."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from brainbrr.cli.main import main


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command and gives its exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        code = 0
        try:
            main(list(arguments))
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        finally:
            close_log_files()
        message = capfd.readouterr()
        return code, message.out, message.err

    return run


def close_log_files() -> None:
    """Do what the end of a process does: close the log that the command opened."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, logging.FileHandler)]:
        root.removeHandler(handler)
        handler.close()
