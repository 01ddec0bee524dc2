"""A pool of threads that share a kernel's work: NumPy releases the interpreter lock in copies, ufuncs and BLAS.

Work is cut into as many contiguous pieces as there are threads, and partial sums are added in the order of the
pieces: for a given number of threads, the results are the same bits from run to run.
"""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from autograd_cnn.kernels import blas

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

#: Multiply-adds below which a second thread costs more than it gains. `python benchmarks/scaling.py` prints what more
#: threads gain.
SMALLEST_WORK = 50_000_000
#: What one pass over an element costs, in multiply-adds.
PASS = 45

_count = 1
_pool: ThreadPoolExecutor | None = None  # made when there is work to share for the first time
_making = threading.Lock()
_workers = 0  # in the pool, which only grows: idle threads cost nothing, and new ones start on the caller's core


def set_num_threads(n: int) -> None:
    """Share the work of the kernels of convolution and pooling among `n` threads, including the caller's.

    The default is one. Each of these threads uses BLAS with one thread: BLAS's own threads gain less, and on a busy
    machine wait for one another. Every op here that multiplies matrices, including `matmul`, `linear` and `einsum`,
    also uses BLAS with one thread, whatever `n` is. When the op ends, BLAS's number of threads is restored, so other
    NumPy code keeps what it had: by default all cores, or what `OPENBLAS_NUM_THREADS` or `threadpoolctl` set. OpenBLAS
    has one number for the whole process: products in another thread meanwhile run with one thread, too.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ValueError
        If `n` is not a whole number of at least 1.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.set_num_threads(2)
    >>> ac.get_num_threads()
    2
    >>> ac.set_num_threads(1)
    """
    global _count
    try:
        count = operator.index(n)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"the number of threads is a whole number of at least 1; got {n!r}")
    _count = count


def get_num_threads() -> int:
    """Return the number of threads that kernels share their work among; see `set_num_threads`.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.get_num_threads() >= 1
    True
    """
    return _count


def _pool_of(workers: int) -> ThreadPoolExecutor:
    """Return this process's pool, with at least so many threads."""
    global _pool, _workers
    with _making:
        if _pool is None or _workers < workers:
            # Imported here to keep importing the package fast.
            from concurrent.futures import ThreadPoolExecutor

            # The old pool is not shut down, as another thread may be about to submit work to it.
            _pool, _workers = ThreadPoolExecutor(workers, "autograd_cnn", blas.limit_this_thread), workers
        return _pool


def _after_fork() -> None:
    """Drop the parent's pool in a forked child, which has none of its threads and would wait for them forever."""
    global _pool, _workers, _making
    _pool, _workers, _making = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def split(items: Sequence[T], work: int) -> list[Sequence[T]]:
    """Cut items into one piece for each thread, or leave them in one piece if the work is small."""
    n = min(_count, len(items)) if work >= SMALLEST_WORK else 1
    bounds = [len(items) * i // n for i in range(n + 1)] if n else []
    return [items[a:b] for a, b in itertools.pairwise(bounds)]


def map_pieces(function: Callable[[Sequence[T]], R], pieces: Sequence[Sequence[T]]) -> list[R]:
    """Call a function on all pieces in parallel, and return the results in order."""
    if len(pieces) < 2:
        return [function(piece) for piece in pieces]
    pool = _pool_of(len(pieces) - 1)
    others = [pool.submit(function, piece) for piece in pieces[1:]]
    try:
        first = function(pieces[0])
    finally:
        done = [other.exception() for other in others]  # wait: they write into the caller's arrays
    for error in done:
        if error is not None:
            raise error
    return [first, *(other.result() for other in others)]
