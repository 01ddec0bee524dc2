"""Ops that repeat, turn and join arrays, composed of reshaping, broadcasting, slices and concatenation."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_cnn.calls.operands import named, short
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.indexing import take
from autograd_cnn.ops.joining import _several, concatenate
from autograd_cnn.ops.shape import broadcast_to, expand_dims, reshape, transpose
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array, Variable


@named
def ravel(x: Any) -> Any:
    """All elements along one axis, in C order.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.ravel(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 2., 3., 4.])
    """
    return reshape(operand("ravel", "x", x), -1)


def _with_axes(op: str, name: str, x: Any, axes: int) -> Any:
    """Return an array with at least this number of axes, the new ones first."""
    x = operand(op, name, x)
    return x if x.ndim >= axes else reshape(x, (1,) * (axes - x.ndim) + x.shape)


def _at_least(op: str, arrays: Iterable[Any], axes: int) -> list[Any]:
    return [_with_axes(op, f"array {i}", x, axes) for i, x in enumerate(arrays)]


@named
def atleast_1d(*arrays: Any) -> Any:
    """Return each array with at least one axis; several are returned as a tuple.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.atleast_1d(np.array(2.0), np.ones((2, 2)))[0]
    array([2.])
    """
    parts = _at_least("atleast_1d", arrays, 1)
    return parts[0] if len(parts) == 1 else tuple(parts)


@named
def atleast_2d(*arrays: Any) -> Any:
    """Return each array with at least two axes, the new ones first; several are returned as a tuple.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.atleast_2d(np.array([1.0, 2.0]))
    array([[1., 2.]])
    """
    parts = _at_least("atleast_2d", arrays, 2)
    return parts[0] if len(parts) == 1 else tuple(parts)


@named
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element, along an axis or in the flattened array.

    Parameters
    ----------
    x : array or Tensor
    repeats : int or array of int
        One count for all, or one for each place along the axis.
    axis : int, optional

    Raises
    ------
    ValueError
        If there are not as many counts as places, or one is negative.
    TypeError
        If they are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.repeat(np.array([1.0, 2.0]), 2)
    array([1., 1., 2., 2.])
    """
    x, given = operand("repeat", "x", x), repeats
    if axis is None:
        x, axis = reshape(x, -1), 0
    axis = normalize_axis_index(axis, x.ndim, "repeat")
    counts = np.asarray(repeats._data if isinstance(repeats, Variable) else repeats)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"repeat: repeats is an int, or one for each place along the axis; got {short(given)}")
    length = x.shape[axis]
    if counts.ndim > 1 or counts.size not in (1, length) or counts.min(initial=0) < 0:
        raise ValueError(
            f"repeat: repeats is an int of at least 0, or one for each of the {length} places along axis {axis} of "
            f"shape {x.shape}; got {short(given)}"
        )
    if counts.size != 1:
        return take(x, np.repeat(np.arange(length), counts), axis)
    before, after = x.shape[: axis + 1], x.shape[axis + 1 :]
    count = int(counts.flat[0])
    spread = broadcast_to(expand_dims(x, axis + 1), (*before, count, *after))
    return reshape(spread, (*before[:-1], length * count, *after))


@named
def tile(x: Any, reps: int | Sequence[int]) -> Any:
    """Repeat the whole array along each axis, as in NumPy: the last number is for the last axis.

    Raises
    ------
    ValueError
        If a number is negative.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tile(np.array([1.0, 2.0]), (2, 2))
    array([[1., 2., 1., 2.],
           [1., 2., 1., 2.]])
    """
    x = operand("tile", "x", x)
    counts = tuple(checks.integers("tile", "reps", reps))
    if min(counts, default=0) < 0:
        raise ValueError(f"tile: reps is a number of at least 0 for each axis; got {short(reps)}")
    ndim = builtins.max(x.ndim, len(counts))
    lengths = (1,) * (ndim - x.ndim) + x.shape
    counts = (1,) * (ndim - len(counts)) + counts
    apart = reshape(x, [n for length in lengths for n in (1, length)])
    spread = broadcast_to(apart, tuple(n for pair in zip(counts, lengths, strict=True) for n in pair))
    return reshape(spread, tuple(count * length for count, length in zip(counts, lengths, strict=True)))


@primitive
def _roll(x: Any, steps: tuple[tuple[int, int], ...]) -> Array:
    """Roll by pairs of an axis and a number of places."""
    for axis, places in steps:
        rolled, cut = np.empty_like(x, subok=False), -places % builtins.max(x.shape[axis], 1)
        before = (slice(None),) * axis
        rolled[(*before, slice(x.shape[axis] - cut, None))] = x[(*before, slice(cut))]
        rolled[(*before, slice(x.shape[axis] - cut))] = x[(*before, slice(cut, None))]
        x = rolled
    return x


@_roll.backward("x")
def _(grad, steps):
    return _roll(grad, tuple((axis, -places) for axis, places in steps))


@named
def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """Shift the elements along one axis or several; those that leave at one end come back in at the other.

    Without an axis the flattened array is rolled, and keeps its shape.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.roll(np.array([1.0, 2.0, 3.0]), 1)
    array([3., 1., 2.])
    """
    x = operand("roll", "x", x)
    steps = checks.integers("roll", "shift", shift)
    if axis is None:
        return reshape(roll(reshape(x, -1), builtins.sum(steps), 0), x.shape)
    axes = checks.integers("roll", "axis", axis)
    pairs = zip(axes, steps, strict=True) if len(axes) == len(steps) else np.broadcast(axes, steps)
    return _roll(x, tuple((normalize_axis_index(int(at), x.ndim, "roll"), int(n)) for at, n in pairs))


@primitive
def flip(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """Reverse the order along an axis, or several; by default along all.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.flip(np.array([1.0, 2.0, 3.0]))
    array([3., 2., 1.])
    """
    return np.flip(x, axis)


@flip.backward("x")
def _(grad, axis):
    return flip(grad, axis)


@named
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    x = operand("swapaxes", "x", x)
    first, second = (normalize_axis_index(axis, x.ndim, "swapaxes") for axis in (axis1, axis2))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return transpose(x, order)


@named
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Move axes to other places; the rest keep their order.

    Raises
    ------
    ValueError
        If there are not as many axes as places.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = operand("moveaxis", "x", x)
    starts = normalize_axis_tuple(source, x.ndim, "source")
    ends = normalize_axis_tuple(destination, x.ndim, "destination")
    if len(starts) != len(ends):
        raise ValueError(f"moveaxis: source and destination are as many axes; got {source!r} and {destination!r}")
    order = [i for i in range(x.ndim) if i not in starts]
    for end, start in sorted(zip(ends, starts, strict=True)):
        order.insert(end, start)
    return transpose(x, order)


@named
def hstack(arrays: Sequence[Any]) -> Any:
    """Join along the second axis, or 1-d arrays along their only axis.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.hstack([np.array([1.0, 2.0]), 3.0])
    array([1., 2., 3.])
    """
    parts = _at_least("hstack", _several("hstack", arrays), 1)
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


@named
def vstack(arrays: Sequence[Any]) -> Any:
    """Join along the first axis; 1-d arrays are rows.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.vstack([np.array([1.0, 2.0]), np.array([3.0, 4.0])])
    array([[1., 2.],
           [3., 4.]])
    """
    return concatenate(_at_least("vstack", _several("vstack", arrays), 2), 0)
