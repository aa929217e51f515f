"""A command that ends with the process that started it:
`python -m brainbrr.cli.parent_watchdog train ...`

A sweep's launcher that is killed outright leaves no run behind that nobody follows.
"""

import os
import signal
import sys
import threading

from brainbrr.cli.main import main


def end_with_parent() -> None:
    """Ask this process to save and go once its standard input closes, as the end of the process at
    the other side closes it."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    # Without Python's buffer, whose lock a thread still waiting would hold at exit.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    main(sys.argv[1:])
