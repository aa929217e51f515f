import errno
import os
import subprocess
import sys
import textwrap

import pytest

from brainbrr import file_lock
from brainbrr.file_lock import lock

HOLDER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from brainbrr.file_lock import lock
    with lock(Path(sys.argv[1]), sys.argv[2], wait=False) as held:
        print(held, flush=True)
        time.sleep(60)
    """
)


def holder(path, name):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_excludes_other_processes_until_its_holder_is_killed(tmp_path):
    path = tmp_path / "locks"
    process = holder(path, "a")
    try:
        with lock(path, "a", wait=False) as held:
            assert held == "busy"
        with lock(path, "b", wait=False) as held:
            assert held == "held"
    finally:
        process.kill()
        process.communicate()
    with lock(path, "a", wait=True) as held:
        assert held == "held"


def test_waiting_gets_the_lock_when_its_holder_dies(tmp_path):
    path = tmp_path / "locks"
    process = holder(path, "a")
    killer = subprocess.Popen(
        [sys.executable, "-c", f"import os, time; time.sleep(0.3); os.kill({process.pid}, 9)"]
    )
    with lock(path, "a", wait=True) as held:
        assert held == "held"
        assert process.wait(timeout=5) == -9
    killer.wait()
    process.communicate()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_logged(tmp_path, monkeypatch, caplog, code):
    def refuse(*_arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(file_lock.fcntl, "lockf", refuse)
    with lock(tmp_path / "locks", "a", wait=False) as held:
        assert held == "unguarded"
    assert "does not support locks" in caplog.text


def test_other_errors_are_raised(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(file_lock.fcntl, "lockf", refuse)
    with (
        pytest.raises(OSError, match="Input/output"),
        lock(tmp_path / "locks", "a", wait=False),
    ):
        pass
