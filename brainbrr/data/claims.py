"""Claims on recordings: no two processes prepare the same one, and a killed one claims nothing."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LAST_OFFSET = 2**62


@contextmanager
def claim(path: Path, name: str, *, wait: bool) -> Iterator[bool]:
    """Hold the claim on `name` among all processes that use the claims file `path`.

    The claim is a lock on one byte of the file. The operating system drops it when its process
    ends, however it ends, so nothing is left to clean up and nobody waits for the dead. A process
    holds one claim at a time, so two never wait for each other.

    Args:
        wait: wait while another process holds the claim, or give False at once.

    Yields:
        Whether the claim is held.
    """
    digest = hashlib.sha256(name.encode()).digest()
    offset = int.from_bytes(digest[:8], "big") % _LAST_OFFSET
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, offset)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            yield False
            return
        yield True
    finally:
        os.close(handle)
