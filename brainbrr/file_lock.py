"""A lock by name among processes, released by the operating system when its holder ends."""

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

LockState = Literal["held", "busy", "unguarded"]

_LAST_OFFSET = 2**62
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def lock(path: Path, name: str, *, wait: bool) -> Iterator[LockState]:
    """Hold the lock `name` among all processes that use the lock file `path`.

    One byte of the file, chosen by the name's hash, is locked. The operating system releases it
    when the process ends, even if it is killed, so no stale lock is ever left behind. A process
    holds one lock at a time, so deadlocks cannot occur.

    Args:
        wait: wait while another process holds the lock, or report it at once.

    Yields:
        `held`; `busy` if another process holds it; `unguarded` on a file system without locks,
        where two processes may do the same work twice but never damage each other's files.
    """
    digest = hashlib.sha256(name.encode()).digest()
    offset = int.from_bytes(digest[:8], "big") % _LAST_OFFSET
    # The file is never deleted: who opened it before would keep locking a file that nobody else
    # opens, and two processes would hold one lock.
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            # Single bytes need POSIX locks. Their price: a second handle of the same process does
            # not wait, and closing any of its handles releases all.
            fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, offset)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            yield "busy"
            return
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.warning("the file system of %s does not support locks", path.parent)
            yield "unguarded"
            return
        yield "held"
    finally:
        os.close(handle)
