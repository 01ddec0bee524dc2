"""Run the package's matrix products with one BLAS thread, and leave the caller's number of threads as it is.

Products of this size gain little from BLAS's threads, which spin while they wait for one another. Beside a busy process
they make a small network's training step several times slower.

OpenBLAS has one number of threads for the whole process. While functions wrapped by `one_thread` run, in any thread, it
is one; the last of these calls to end restores the number that the first one found. MKL, BLIS and OpenMP have a number
for each thread, and each call restores its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function so that BLAS has one thread while it runs.

    Setting the number takes a little time, so wrap an op or a whole backward pass, not a single product.

    Examples
    --------
    >>> import numpy as np
    >>> one_thread(np.matmul)(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """

    @functools.wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        return with_one_thread(function)(*args, **kwargs)

    return alone


def with_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Return what to call right now to run a function with one BLAS thread: itself, if BLAS has one thread already."""
    before = _count()
    if before == 1 and not _calls:
        return function
    return functools.partial(_limited, before, function)


def limit_this_thread() -> None:
    """Set BLAS to one thread in the calling thread, permanently, if BLAS has a number for each thread."""
    _count()
    if not _is_shared:
        _set(1)


#: Prefixes and suffixes of function names in builds of OpenBLAS.
_AFFIXES = [(before, after) for before in ("", "scipy_") for after in ("", "64_", "_64")]

_calls: set[object] = set()  # running calls that hold BLAS at one thread, where the whole process has one number
_outside = 1  # BLAS's number of threads outside these calls


def _limited(before: int, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function with BLAS at one thread.

    An interrupt comes between two calls, never within a call in C: wherever it comes, the number is restored.
    """
    global _outside
    if not _is_shared:
        try:
            _set(1)
            return function(*args, **kwargs)
        finally:
            _set(before)
    call = object()
    if before != 1:
        _outside = before
    try:
        _calls.add(call)
        if before != 1:
            _set(1)
        return function(*args, **kwargs)
    finally:
        now = 1
        try:
            _calls.discard(call)
            now = _count()
        finally:
            if now == 1 and not _calls:  # any other number was set by someone else meanwhile
                _set(_outside)


def library() -> Any:
    """Return threadpoolctl's controller of NumPy's BLAS, or None, as for Apple's Accelerate, which it does not know."""
    # Imported here to keep importing the package fast: pathlib takes a tenth of NumPy's time.
    from pathlib import Path

    from threadpoolctl import ThreadpoolController

    libraries = [x for x in ThreadpoolController().lib_controllers if x.user_api == "blas"]
    # SciPy may have loaded another BLAS; NumPy's wheels have theirs in numpy.libs or numpy/.dylibs.
    libraries.sort(key=lambda x: not any("numpy" in part for part in Path(x.filepath).parts[-3:-1]))
    return libraries[0] if libraries else None


def openblas(function: str) -> tuple[str, str, bool] | None:
    """Locate a function of NumPy's OpenBLAS: return the library's path, the name there, and whether ints have 64 bits.

    Return None if NumPy uses another BLAS, or its OpenBLAS lacks the function.
    """
    import ctypes

    found = library()
    if found is None or found.internal_api != "openblas":
        return None
    names = [(f"{before}{function}{after}", "64" in after) for before, after in _AFFIXES]
    own = ctypes.CDLL(found.filepath)
    return next(((found.filepath, name, wide) for name, wide in names if hasattr(own, name)), None)


def _find() -> int:
    """Find how to read and set the number of threads of NumPy's BLAS, at the first product; return the number."""
    global _count, _set, _is_shared
    import ctypes

    found = library()
    if found is None:  # Accelerate has no number to set
        _count, _set, _is_shared = (lambda: 1), (lambda _: None), False
        return 1
    count, set_count, shared = found.get_num_threads, found.set_num_threads, False
    names = [(f"{a}openblas_get_num_threads{b}", f"{a}openblas_set_num_threads{b}") for a, b in _AFFIXES]
    if found.internal_api == "openblas":
        # Called directly, and without releasing the interpreter lock, which is faster. Setting only stores a number,
        # which a running product has already read. With OpenMP it would also free buffers in use, so OpenMP is told.
        own = ctypes.PyDLL(found.filepath)
        openmp = found.threading_layer == "openmp"
        for get_name, set_name in [("omp_get_max_threads", "omp_set_num_threads")] if openmp else names:
            if hasattr(own, get_name) and hasattr(own, set_name):
                count, set_count, shared = own[get_name], own[set_name], not openmp
                set_count.restype = None
                break
        with contextlib.suppress(ValueError):  # where the number itself is exported, reading it is faster
            number = ctypes.c_int.in_dll(own, "blas_cpu_number")
            if shared and number.value == count():
                count = functools.partial(getattr, number, "value")
    _set, _is_shared = set_count, shared
    _count = count  # last, as another thread may be asking
    return _count()


_count: Callable[[], int] = _find
_set: Callable[[int], Any] = print  # replaced together with `_count`
_is_shared = False


def _after_fork() -> None:
    """Forget, in a forked child, the calls that were running in its parent."""
    if _calls:
        _calls.clear()
        _set(_outside)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
