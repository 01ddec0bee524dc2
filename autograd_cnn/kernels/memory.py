"""Keep freed memory in the process, for the next array.

glibc returns the memory of a freed large array to the system at once, and requests it again, page by page, for
the next. A training step frees and allocates nearly all its memory, and page faults would slow it down. `mallopt` tells
glibc to keep some. Kernels then need no pool of scratch memory: malloc is one, bounded and thread-safe.
"""

from __future__ import annotations

import ctypes
import os

#: The most freed memory that stays with the process, in bytes; any more goes back at once.
KEPT = 256 * 2**20

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # the largest that glibc accepts: larger arrays are returned when freed


def keep_freed_memory() -> bool:
    """Let up to 256 MiB of freed memory stay with the process; return whether the C library can do so.

    This applies to the whole process. Set the environment variable AUTOGRAD_CNN_KEEP_MEMORY=0 to prevent it;
    `return_freed_memory` returns to the system what has been kept.
    """
    libc = _glibc()
    if libc is None or os.environ.get("AUTOGRAD_CNN_KEEP_MEMORY") == "0":
        return False
    return bool(libc.mallopt(_TRIM_THRESHOLD, KEPT) and libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD))


def return_freed_memory() -> None:
    """Return to the system the freed memory that was kept."""
    if libc := _glibc():
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc, else None."""
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None
    except (OSError, TypeError):  # TypeError: Windows
        return None
