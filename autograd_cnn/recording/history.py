"""When a node was made, and when memory that a node may keep was overwritten.

A backward rule computes with arrays that were kept in the forward pass. Two parties may overwrite one in between: the
package (an optimizer's step, running statistics), which reports it with `overwritten`; and the user, through an array
that `.data` or `.numpy()` returned. From then on its memory is lent: new nodes keep a copy of lent memory, and for
nodes that kept it before, its contents are checked for changes.

Memory is identified by the object that owns it, so that writing through a view is noticed too.
"""

from __future__ import annotations

import functools
import itertools
import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Return a moment; later ones are larger.
now: Callable[[], int] = functools.partial(next, itertools.count())

#: When any memory was last overwritten: what was made later needs no check.
latest = -1

# By the id of the memory's owner. An entry is removed when the memory is freed, before its id can be reused.
# Memory that was overwritten together shares the moment, in a list, so that an optimizer's next step only changes that.
_overwritten: dict[int, list[int]] = {}
_last: tuple[list[int], list[int]] = [], [-1]
lent: dict[int, _Loan] = {}
_watched: dict[int, Callable[[], Any]] = {}


class Holder(Protocol):
    """Holds an array: a `graph.Variable`."""

    _data: Array


class _Loan:
    """Memory that the user may write to."""

    __slots__ = ("arrays", "contents", "moment")

    def __init__(self, contents: int | None) -> None:
        self.arrays: list[weakref.ref[Array]] = []  # what the user got; views of it keep it alive
        self.contents = contents  # a digest of the memory; None if no node can have kept it before
        self.moment = now()

    def outstanding(self) -> list[Array]:
        return [array for ref in self.arrays if (array := ref()) is not None]


def overwritten(arrays: Iterable[Array]) -> None:
    """Note that arrays were overwritten, or are about to be."""
    _note([array if array.base is None else _owner(array) for array in arrays])


def lend(holder: Holder) -> Array:
    """Return the array of `holder` for the user, who may write to it: the same object as long as it is in use."""
    array = holder._data
    memory = _owner(array)
    loan = lent.get(id(memory))
    out = [] if loan is None else loan.outstanding()
    for given in out:
        alike = given.shape == array.shape and given.strides == array.strides and given.dtype == array.dtype
        if alike and given.ctypes.data == array.ctypes.data:
            return given
    if loan is None or not out:
        if loan is not None:
            _compare(loan, memory)
        _watch(memory)
        loan = lent[id(memory)] = _Loan(None if _is_held_alone(array, memory) else _digest(memory))
    # A view refers to the array that owns the memory, skipping the views in between; but NumPy stops at a memoryview.
    # So every view of the returned array keeps it alive, which shows that somebody can still write.
    given = np.asarray(memoryview(array))  # type: ignore[arg-type]
    loan.arrays.append(weakref.ref(given))
    return given


def kept(array: Array) -> Array:
    """Return what a node may keep of an array that a variable holds: the array, or a copy if its memory is lent."""
    memory = _owner(array)
    loan = lent.get(id(memory))
    if loan is None:
        return array
    if loan.outstanding():
        return array.copy(order="K")
    _compare(loan, memory)
    del lent[id(memory)]
    return array


def own(value: Any) -> Any:
    """Copy the arrays and lists in a value that came from outside, so that nobody else can write to them."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if isinstance(value, list):
        return [own(x) for x in value]
    if isinstance(value, dict):
        return {key: own(x) for key, x in value.items()}
    if type(value) is tuple and any(isinstance(x, (np.ndarray, list, tuple)) for x in value):
        return tuple(map(own, value))
    return value


def remember(array: Array) -> None:
    """Note the contents of an array that is read again instead of kept; `changed` was called just before."""
    memory = _owner(array)
    loan = lent.get(id(memory))
    if loan is not None:
        loan.contents, loan.moment = _digest(memory), now()


def changed(array: Array, moment: int) -> bool:
    """Whether an array was overwritten since a moment."""
    memory = _owner(array)
    loan = lent.get(id(memory))
    if loan is not None and loan.moment > moment:
        _compare(loan, memory)
    return _overwritten.get(id(memory), _NEVER)[0] > moment


def _owner(array: Any) -> Any:
    """Return what owns the memory of an array: an array, or the buffer that it was made from."""
    base = array.base
    while base is not None:
        array, base = base, getattr(base, "base", None)
    return array


def _note(memories: list[Any]) -> None:
    global latest, _last
    keys = [*map(id, memories)]
    known, moment = _last
    if keys != known:
        moment = [-1]
        for memory in memories:
            _watch(memory)
        _overwritten.update(dict.fromkeys(keys, moment))
        _last = keys, moment
    moment[0] = latest = now()


def _watch(memory: Any) -> None:
    key = id(memory)
    if key not in _watched:
        try:
            _watched[key] = weakref.ref(memory, lambda _: _forget(key))
        except TypeError:  # bytes allow no weak reference: kept alive, so that their id is not reused
            _watched[key] = lambda: memory


def _forget(key: int) -> None:
    global _last
    _last = [], [-1]
    for table in (_watched, _overwritten, lent):
        table.pop(key, None)


def _compare(loan: _Loan, memory: Any) -> None:
    """Note lent memory as overwritten if its contents have changed."""
    if loan.contents is not None and loan.contents != (contents := _digest(memory)):
        loan.contents = contents
        _note([memory])


def _digest(memory: Any) -> int:
    return hash(memory.tobytes())


_NEVER = [-1]


class _Cell:
    """A holder for counting references."""

    __slots__ = ("_data",)

    def __init__(self, data: Array) -> None:
        self._data = data


def _references(array: Array, memory: Any) -> tuple[int, int]:
    return sys.getrefcount(array), sys.getrefcount(memory)


def _is_held_alone(array: Array, memory: Any) -> bool:
    """Whether only a holder and `lend` itself refer to an array and its owner, so that no node has kept it."""
    return _references(array, memory) == (_ALONE if array.base is None else _ALONE_BY_A_VIEW)


def _count(make: Callable[[], Array]) -> tuple[int, int]:
    """Count the references to an array that is held alone, in a call like that of `lend`: interpreters differ."""

    def is_held_alone(array: Array, memory: Any) -> tuple[int, int]:
        return _references(array, memory)

    holder = _Cell(make())
    array = holder._data
    memory = _owner(array)
    return is_held_alone(array, memory)


_ALONE = _count(lambda: np.empty(1))
_ALONE_BY_A_VIEW = _count(lambda: np.empty((1, 1)).T)
