"""Indexing: selecting elements, setting them, and adding to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_cnn.calls.operands import named, short
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.shape import reshape
from autograd_cnn.primitive import primitive
from autograd_cnn.rules import Scattered
from autograd_cnn.variable import Array, Variable


def _plain(index: Any) -> Any:
    """Return an index with the Tensors in it replaced by their arrays."""
    if isinstance(index, tuple):
        return tuple(map(_plain, index))
    if isinstance(index, Variable):
        return index._data
    if index is None or index is ... or isinstance(index, (np.ndarray, int, np.integer, np.bool_, slice)):
        return index
    try:
        array = np.array(index)  # a copy, because the caller may change the list later
    except ValueError:
        raise ValueError(f"getitem: an index is a list whose elements differ in shape: {short(index)}") from None
    return array if array.size else array.astype(np.intp)


def _is_basic(index: Any) -> bool:
    """Return whether an index is basic (numbers, slices, ellipsis, new axes): it then selects no element twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, (int, np.integer, slice, type(None), type(...))) for p in parts)


@primitive
def _getitem(x: Any, index: Any) -> Array:
    return x[index]


@_getitem.backward("x")
def _(grad, x_shape, index):
    return Scattered(grad, index, x_shape, scatter_add)


def getitem(x: Any, index: Any) -> Any:
    """Index as in NumPy, `x[index]`: basic, integer-array and boolean indices.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.getitem(np.array([1.0, 2.0, 3.0]), [0, 2])
    array([1., 3.])
    """
    return _getitem(x, _plain(index))


@primitive
def scatter_add(*parts: Any, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Add arrays to zeros of `shape`, each at its index, once for each time an element is selected.

    Where the first index is `...`, the sum starts from a copy of the first array.

    This is the adjoint of indexing, for one or several indices at once.
    """
    dtype, like = np.result_type(*{part.dtype for part in parts}), np.asarray(parts[0])
    # In the memory order of a part, which is that of the array it was taken from.
    if indices[0] is ... and like.shape == shape:
        out, start = np.array(like, dtype), 1
    elif like.ndim == len(shape):
        out, start = np.zeros_like(like, dtype, shape=shape, subok=False), 0
    else:
        out, start = np.zeros(shape, dtype), 0
    for part, index in zip(parts[start:], indices[start:], strict=True):
        if _is_basic(index):
            out[index] += part
        else:
            np.add.at(out, index, part)
    return out


@scatter_add.backward("parts")
def _(grad, index, indices):
    return getitem(grad, indices[index])


@primitive
def _setitem(x: Any, index: Any, value: Any) -> Array:
    checks.holds("setitem", "value", value, x.dtype)
    out = np.array(x)
    out[index] = value
    return out


@_setitem.backward("x")
def _(grad, index):
    return _setitem(grad, index, 0)


@_setitem.backward("value")
def _(grad, index):
    return getitem(grad, index)


@named
def setitem(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of `x` with `value` at `index`, which must not select an element twice.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.setitem(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """
    x, index = operand("setitem", "x", x), _plain(index)
    if not _is_basic(index):
        counts = np.zeros(x.shape, np.intp)
        np.add.at(counts, index, 1)
        if counts.max(initial=0) > 1:
            raise ValueError("setitem: the index selects an element more than once, so it has no unique gradient")
    return _setitem(x, index, value)


@named
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Take the elements at integer `indices` along an axis, or from the flattened array.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.take(np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 0], axis=1)
    array([[2., 1.],
           [4., 3.]])
    """
    x, given = operand("take", "x", x), indices
    indices = np.asarray(_plain(indices))
    if indices.dtype.kind not in "iub":
        raise TypeError(f"take: indices are integers; got {short(given)}")
    if indices.dtype.kind == "b":
        indices = indices.astype(np.intp)  # NumPy takes them as 0 and 1 here
    if axis is None:
        return getitem(reshape(x, -1), indices)
    return getitem(x, (slice(None),) * normalize_axis_index(axis, x.ndim, "take") + (indices,))
