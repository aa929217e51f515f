"""Run a command that stops with its parent: `python -m brainbrr.cli.parent_watchdog train ...`

The runs of a sweep stop even if its launcher is killed by SIGKILL.
"""

import os
import signal
import sys
import threading

from brainbrr.cli.main import main


def end_with_parent() -> None:
    """Send SIGTERM to this process, which then saves a checkpoint, when its standard input closes,
    which the end of the parent process does."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    # sys.stdin would hold the lock of its buffer at exit while this thread waits.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    main(sys.argv[1:])
