"""A pool of threads that share a kernel's work: NumPy lets go of the interpreter lock in copies, ufuncs and BLAS.

Work is cut in as many contiguous pieces as there are threads, and partial sums are added in the order of the
pieces: for a given number of threads the results are the same bits from run to run.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

#: Multiply-adds below which a second thread costs more than it gains: LeNet-5's second convolution has 43 million with
#: 128 images, where it gains nothing, and its first 58 million with 256, where it takes 0.75 of the time.
SMALLEST_WORK = 50_000_000

_count = 1
_pool: ThreadPoolExecutor | None = None
_workers = 0  # of the pool, which grows only: idle ones cost nothing, and new ones start on the caller's core
_blas: Any = None  # threadpoolctl's limit, as long as it holds


def set_num_threads(n: int) -> None:
    """Let the kernels of convolution and pooling share their work among `n` threads, the caller's among them.

    Each then uses BLAS with one thread: BLAS's own threads gain less, and on a busy machine wait for one another.
    Until it is called, kernels use one thread, and BLAS as many as it likes.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ValueError
        If `n` is no such number.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.set_num_threads(2)
    >>> ac.get_num_threads()
    2
    >>> ac.set_num_threads(1)
    """
    global _blas, _count, _pool, _workers
    try:
        count = operator.index(n)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"the number of threads is a whole number of at least 1; got {n!r}")
    # Imported here, as importing the package imports NumPy alone, and little else of the standard library.
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits

    _blas = threadpool_limits(1, user_api="blas")
    if count - 1 > _workers:
        old, _pool, _workers = _pool, ThreadPoolExecutor(count - 1, "autograd_cnn"), count - 1
        if old is not None:
            old.shutdown()
    _count = count


def get_num_threads() -> int:
    """Give the number of threads that kernels share their work among; see `set_num_threads`."""
    return _count


def split(items: Sequence[T], work: int) -> list[Sequence[T]]:
    """Cut items into one piece a thread; into one piece in all, if the work is small."""
    n = min(_count, len(items)) if work >= SMALLEST_WORK else 1
    bounds = [len(items) * i // n for i in range(n + 1)] if n else []
    return [items[a:b] for a, b in itertools.pairwise(bounds)]


def map_pieces(function: Callable[[Sequence[T]], R], pieces: Sequence[Sequence[T]]) -> list[R]:
    """Call a function on every piece, at once, and give the results in order."""
    pool = _pool
    if len(pieces) < 2 or pool is None:
        return [function(piece) for piece in pieces]
    others = [pool.submit(function, piece) for piece in pieces[1:]]
    try:
        first = function(pieces[0])
    finally:
        done = [other.exception() for other in others]  # wait: they write into the caller's arrays
    for error in done:
        if error is not None:
            raise error
    return [first, *(other.result() for other in others)]
