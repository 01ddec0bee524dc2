"""BLAS with one thread in what the package multiplies, and with the caller's own number everywhere else.

Products of this size gain little from BLAS's threads, which spin while they wait for one another. Beside a busy process
they make a small network's step several times slower.

OpenBLAS has one number of threads for the whole process. While calls of `one_thread` run, in any thread, it is one; the
last of them to end puts back what the first found. MKL, BLIS and OpenMP have a number for each thread, and each call
puts back its own.
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
    """Make a function during whose calls BLAS has one thread.

    To set the number takes a little time. So wrap an op or a whole backward pass, not a single product.

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
    """Return what to call now instead of a function for BLAS to have one thread: the function itself if it has one."""
    before = _count()
    if before == 1 and not _calls:
        return function
    return functools.partial(_limited, before, function)


def limit_this_thread() -> None:
    """Set BLAS to one thread for good in the calling thread, if BLAS has a number for each thread."""
    _count()
    if not _is_shared:
        _set(1)


#: What builds of OpenBLAS put before and after the names of its functions.
_AFFIXES = [(before, after) for before in ("", "scipy_") for after in ("", "64_", "_64")]

_calls: set[object] = set()  # those that have BLAS at one thread now, if its number is the process's
_outside = 1  # what it is outside them


def _limited(before: int, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function with BLAS at one thread.

    An interrupt comes between two calls, never within one in C: at any place the number is put back.
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
            if now == 1 and not _calls:  # if another number, someone has set it meanwhile
                _set(_outside)


def library() -> Any:
    """Return what threadpoolctl knows of NumPy's BLAS, or None: of Apple's Accelerate it knows nothing."""
    # Here, as importing the package imports NumPy, and little else: pathlib is a tenth of NumPy's time.
    from pathlib import Path

    from threadpoolctl import ThreadpoolController

    libraries = [x for x in ThreadpoolController().lib_controllers if x.user_api == "blas"]
    # SciPy may have brought another; NumPy's wheels keep theirs in numpy.libs or numpy/.dylibs.
    libraries.sort(key=lambda x: not any("numpy" in part for part in Path(x.filepath).parts[-3:-1]))
    return libraries[0] if libraries else None


def openblas(function: str) -> tuple[str, str, bool] | None:
    """Return where a function of NumPy's OpenBLAS is: the library's path, the name there, and if its ints have 64 bits.

    None if NumPy has another BLAS, or its OpenBLAS is without the function.
    """
    import ctypes

    found = library()
    if found is None or found.internal_api != "openblas":
        return None
    names = [(f"{before}{function}{after}", "64" in after) for before, after in _AFFIXES]
    own = ctypes.CDLL(found.filepath)
    return next(((found.filepath, name, wide) for name, wide in names if hasattr(own, name)), None)


def _find() -> int:
    """Find the number of NumPy's BLAS, at the first product."""
    global _count, _set, _is_shared
    import ctypes

    found = library()
    if found is None:  # Accelerate has no number to set
        _count, _set, _is_shared = (lambda: 1), (lambda _: None), False
        return 1
    count, set_count, shared = found.get_num_threads, found.set_num_threads, False
    names = [(f"{a}openblas_get_num_threads{b}", f"{a}openblas_set_num_threads{b}") for a, b in _AFFIXES]
    if found.internal_api == "openblas":
        # Called directly, without letting go of the interpreter lock, which is faster. Setting stores a
        # number; a product that is under way has read its own. Not so with OpenMP, where it frees buffers in use.
        own = ctypes.PyDLL(found.filepath)
        openmp = found.threading_layer == "openmp"
        for get_name, set_name in [("omp_get_max_threads", "omp_set_num_threads")] if openmp else names:
            if hasattr(own, get_name) and hasattr(own, set_name):
                count, set_count, shared = own[get_name], own[set_name], not openmp
                set_count.restype = None
                break
        with contextlib.suppress(ValueError):  # the number itself, where it is exported: faster to read
            number = ctypes.c_int.in_dll(own, "blas_cpu_number")
            if shared and number.value == count():
                count = functools.partial(getattr, number, "value")
    _set, _is_shared = set_count, shared
    _count = count  # last, as another thread may be asking
    return _count()


_count: Callable[[], int] = _find
_set: Callable[[int], Any] = print  # found together with `_count`
_is_shared = False


def _after_fork() -> None:
    """Forget, in a child, the calls of threads that are its parent's."""
    if _calls:
        _calls.clear()
        _set(_outside)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
