"""Ops that move elements without changing them: shapes, axes, joining, padding and indexing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_cnn import kernels
from autograd_cnn.graph import Array, Variable, unbroadcast
from autograd_cnn.primitive import primitive


@primitive
def reshape(x: Any, shape: int | Sequence[int]) -> Array:
    """Give the same elements, in C order, in another shape; one length may be −1."""
    return kernels.reshape(x, shape)


@reshape.backward("x")
def _(grad, x_shape):
    return reshape(grad, x_shape)


@primitive
def transpose(x: Any, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes; without `axes`, reverse them."""
    if axes is not None and sorted(a % max(x.ndim, 1) for a in axes) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes names each of the {x.ndim} axes of shape {x.shape} once; got {tuple(axes)}")
    return x.transpose(axes)


@transpose.backward("x")
def _(grad, axes, x_shape):
    if axes is None:
        return transpose(grad)
    return transpose(grad, tuple(np.argsort([a % len(x_shape) for a in axes])))


@primitive
def broadcast_to(x: Any, shape: int | Sequence[int]) -> Array:
    """Broadcast to `shape` by NumPy's rules, without copying."""
    return np.broadcast_to(x, shape)


@broadcast_to.backward("x")
def _(grad, x_shape):
    return unbroadcast(grad, x_shape)


@primitive
def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """Drop the axes of length one, or the given ones."""
    if axis is not None and any(x.shape[a] != 1 for a in normalize_axis_tuple(axis, x.ndim)):
        raise ValueError(f"squeeze: only axes of length one can be dropped; got axis {axis} of shape {x.shape}")
    return np.squeeze(x, axis)


@squeeze.backward("x")
def _(grad, x_shape):
    return reshape(grad, x_shape)


@primitive
def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Array:
    """Insert axes of length one, at these places of the result."""
    return np.expand_dims(x, axis)


@expand_dims.backward("x")
def _(grad, x_shape):
    return reshape(grad, x_shape)


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Make one axis of the axes `start_dim` to `end_dim`, both included.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.flatten(np.zeros((32, 16, 5, 5)), 1).shape
    (32, 400)
    """
    shape = np.shape(x)
    if not shape:
        return reshape(x, (1,))
    start, end = normalize_axis_index(start_dim, len(shape)), normalize_axis_index(end_dim, len(shape))
    if start > end:
        raise ValueError(f"flatten from axis {start_dim} to axis {end_dim} of shape {shape} runs backwards")
    return reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@primitive
def _concatenate(*arrays: Any, axis: int) -> Array:
    return np.concatenate(arrays, axis)


@_concatenate.backward("arrays")
def _(grad, index, arrays_shape, axis):
    axis = normalize_axis_index(axis, len(arrays_shape[0]))
    start = int(np.sum([shape[axis] for shape in arrays_shape[:index]], dtype=int))
    window = slice(start, start + arrays_shape[index][axis])
    return getitem(grad, (slice(None),) * axis + (window,))


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays or tensors along an axis they have; the other axes are of one length."""
    shapes = [np.shape(x) for x in arrays]
    if not shapes or not shapes[0]:
        raise ValueError(f"concatenate: takes one array or more, each with an axis; got shapes {shapes}")
    at = normalize_axis_index(axis, len(shapes[0]))
    if len({(len(s), s[:at], s[at + 1 :]) for s in shapes}) > 1:
        raise ValueError(f"concatenate: the arrays differ in length along axis {at} alone; got shapes {shapes}")
    return _concatenate(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays or tensors of one shape along a new axis."""
    shapes = [np.shape(x) for x in arrays]
    if len(set(shapes)) != 1:
        raise ValueError(f"stack: takes one array or more, of one shape; got shapes {shapes}")
    return _concatenate(*[expand_dims(x, axis) for x in arrays], axis=axis)


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cut along an axis: into so many equal parts, or before the given indices, as NumPy does."""
    axis = normalize_axis_index(axis, np.ndim(x))
    length = np.shape(x)[axis]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1 or length % indices_or_sections:
            raise ValueError(f"axis {axis} of length {length} cannot be split into {indices_or_sections} equal parts")
        cuts = [length // indices_or_sections * i for i in range(1, indices_or_sections)]
    else:
        cuts = list(indices_or_sections)
    bounds = zip([0, *cuts], [*cuts, length], strict=True)
    return [getitem(x, (slice(None),) * axis + (slice(start, stop),)) for start, stop in bounds]


@primitive
def pad(x: Any, pad_width: Any, constant_values: float = 0) -> Array:
    """Surround with a constant; `pad_width` as NumPy takes it: one number, a pair, or a pair an axis."""
    return np.pad(x, pad_width, constant_values=constant_values)


@pad.backward("x")
def _(grad, x_shape, pad_width):
    before = np.broadcast_to(pad_width, (len(x_shape), 2))[:, 0]
    return getitem(grad, tuple(slice(int(b), int(b) + n) for b, n in zip(before, x_shape, strict=True)))


def _plain(index: Any) -> Any:
    """Give an index with arrays in place of the Tensors in it."""
    if isinstance(index, tuple):
        return tuple(map(_plain, index))
    return index.data if isinstance(index, Variable) else index


def _is_basic(index: Any) -> bool:
    """Whether an index selects no element twice for sure: numbers, slices, ellipsis and new axes."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, int | np.integer | slice | None | type(...)) for p in parts)


@primitive
def _getitem(x: Any, index: Any) -> Array:
    return x[index]


@_getitem.backward("x")
def _(grad, x_shape, index):
    return scatter_add(grad, index, x_shape)


def getitem(x: Any, index: Any) -> Any:
    """`x[index]` as NumPy has it: basic, integer-array and boolean indices."""
    return _getitem(x, _plain(index))


@primitive
def scatter_add(x: Any, index: Any, shape: tuple[int, ...]) -> Array:
    """Add `x` to `zeros(shape)[index]`, once for each time an element is selected: the adjoint of indexing."""
    out = np.zeros(shape, x.dtype)
    if _is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out


@scatter_add.backward("x")
def _(grad, index):
    return getitem(grad, index)


@primitive
def _setitem(x: Any, index: Any, value: Any) -> Array:
    out = np.array(x)
    out[index] = value
    return out


@_setitem.backward("x")
def _(grad, index):
    return _setitem(grad, index, 0)


@_setitem.backward("value")
def _(grad, index):
    return getitem(grad, index)


def setitem(x: Any, index: Any, value: Any) -> Any:
    """Give a copy of `x` with `value` at `index`, which must not select an element twice."""
    index = _plain(index)
    if not _is_basic(index):
        counts = np.zeros(np.shape(x), np.int8)
        np.add.at(counts, index, 1)
        if counts.max(initial=0) > 1:
            raise ValueError("an assignment whose index selects an element more than once has no one gradient")
    return _setitem(x, index, value)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at integer `indices` along an axis, or of the flattened array."""
    if axis is None:
        return getitem(reshape(x, -1), indices)
    return getitem(x, (slice(None),) * normalize_axis_index(axis, np.ndim(x)) + (np.asarray(_plain(indices)),))
