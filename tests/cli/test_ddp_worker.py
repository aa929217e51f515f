"""Further processes of a run end with the first one."""

import signal
import subprocess
import sys


def test_a_worker_ends_with_the_process_that_started_it():
    code = (
        "from brainbrr.cli.ddp_worker import end_with_parent; end_with_parent()\n"
        "import time; print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"started\n"
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(30) == -signal.SIGTERM
