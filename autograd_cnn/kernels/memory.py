"""Freed memory is kept for the next array.

glibc hands the memory of a freed large array back to the system at once, and takes it again, page by page, for
the next. A training step frees and takes nearly all its memory, and page faults would slow it down. `mallopt` tells
glibc to keep some. Scratch then needs no pool of its own: malloc is one, bounded, and safe under threads.
"""

from __future__ import annotations

import ctypes
import os

#: The most freed memory that stays with the process, in bytes; what is larger goes back at once.
KEPT = 256 * 2**20

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # that glibc takes: larger arrays are returned when freed


def keep_freed_memory() -> bool:
    """Let up to 256 MiB of freed memory stay with the process; return whether the C library can.

    It holds for the whole process. Set the environment variable AUTOGRAD_CNN_KEEP_MEMORY=0 to leave things as
    they are; `return_freed_memory` gives back what there is.
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
