"""Claims on recordings: no two processes prepare the same one, and a killed one claims nothing."""

import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

Claim = Literal["held", "busy", "unguarded"]

_LAST_OFFSET = 2**62
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def claim(path: Path, name: str, *, wait: bool) -> Iterator[Claim]:
    """Hold the claim on `name` among all processes that use the claims file `path`.

    The claim is a lock on one byte of the file. The operating system drops it when its process
    ends, however it ends, so nothing is left to clean up and nobody waits for the dead. A process
    holds one claim at a time, so two never wait for each other.

    Args:
        wait: wait while another process holds the claim, or say so at once.

    Yields:
        `held`; `busy` where another process holds it; `unguarded` on a file system without locks,
        where two processes may do the same work twice, but never harm each other's files.
    """
    digest = hashlib.sha256(name.encode()).digest()
    offset = int.from_bytes(digest[:8], "big") % _LAST_OFFSET
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, offset)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            yield "busy"
            return
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.warning("%s: a file system without locks, so no claims", path.parent)
            yield "unguarded"
            return
        yield "held"
    finally:
        os.close(handle)
