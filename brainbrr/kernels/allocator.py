"""Keeps freed memory in the process, so that the next pass finds it warm."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask glibc not to return large blocks to the system; return whether it agreed.

    By default it maps each block over 32 MB again, and the system clears every page of it at first
    touch: with batches of four windows that was up to 40 % of a forward pass. The process then
    stays as large as it once was. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    options = (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD)
    agreed = [library.mallopt(option, KEPT_BYTES) == 1 for option in options]
    return all(agreed)
