"""Ops that move elements without changing them: reshaping, joining, padding and indexing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named, native, short
from autograd_cnn.graph import Array, Scattered, Variable, unbroadcast
from autograd_cnn.ops import checks
from autograd_cnn.primitive import operand, primitive


@primitive
def reshape(x: Any, shape: int | Sequence[int]) -> Array:
    """Return the same elements, in C order, in another shape; one length may be −1.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.reshape(np.arange(6.0), (2, -1))
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    return kernels.reshape(x, shape)


@reshape.backward("x")
def _(grad, x_shape):
    return reshape(grad, x_shape)


@primitive
def transpose(x: Any, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes; without `axes`, reverse them.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.transpose(np.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
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
    """Broadcast to `shape` by NumPy's rules, without copying.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.broadcast_to(np.array([1.0, 2.0]), (2, 2))
    array([[1., 2.],
           [1., 2.]])
    """
    return np.broadcast_to(x, shape)


@broadcast_to.backward("x")
def _(grad, x_shape):
    return unbroadcast(grad, x_shape)


@primitive
def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """Remove the axes of length one, or only the given ones.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.squeeze(np.zeros((1, 3, 1)), axis=0).shape
    (3, 1)
    """
    if axis is not None and any(x.shape[a] != 1 for a in normalize_axis_tuple(axis, x.ndim)):
        raise ValueError(f"squeeze: only axes of length one can be removed; got axis {axis} of shape {x.shape}")
    return np.squeeze(x, axis)


@squeeze.backward("x")
def _(grad, x_shape):
    return reshape(grad, x_shape)


@primitive
def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Array:
    """Insert axes of length one, at the given positions in the result.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.expand_dims(np.zeros(3), (0, 2)).shape
    (1, 3, 1)
    """
    return np.expand_dims(x, axis)


@expand_dims.backward("x")
def _(grad, x_shape):
    return reshape(grad, x_shape)


@named
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Flatten the axes from `start_dim` to `end_dim`, both included, into one.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.flatten(np.zeros((32, 16, 5, 5)), 1).shape
    (32, 400)
    """
    x = operand("flatten", "x", x)
    shape = x.shape
    if not shape:
        return reshape(x, (1,))
    start, end = (normalize_axis_index(dim, len(shape), "flatten") for dim in (start_dim, end_dim))
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} is after end_dim {end_dim} for shape {shape}")
    return reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@primitive(domain="real", numbers=False)
def _concatenate(*arrays: Any, axis: int) -> Array:
    return np.concatenate(arrays, axis)


@_concatenate.backward("arrays")
def _(grad, index, arrays_shape, axis):
    axis = normalize_axis_index(axis, len(arrays_shape[0]))
    start = int(np.sum([shape[axis] for shape in arrays_shape[:index]], dtype=int))
    window = slice(start, start + arrays_shape[index][axis])
    return getitem(grad, (slice(None),) * axis + (window,))


def _several(op: str, arrays: Any) -> Iterable[Any]:
    if not isinstance(arrays, Iterable):
        raise TypeError(f"{op}: arrays must be a list or tuple of arrays or Tensors; got {short(arrays)}")
    return arrays


@named
def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays or Tensors along an existing axis; their other axes have the same lengths.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.concatenate([np.array([1.0]), np.array([2.0, 3.0])])
    array([1., 2., 3.])
    """
    parts = [operand("concatenate", f"array {i}", x) for i, x in enumerate(_several("concatenate", arrays))]
    shapes = [x.shape for x in parts]
    if not shapes or not shapes[0]:
        raise ValueError(f"concatenate: needs at least one array, each with an axis; got shapes {shapes}")
    at = normalize_axis_index(axis, len(shapes[0]), "concatenate")
    if len({(len(s), s[:at], s[at + 1 :]) for s in shapes}) > 1:
        raise ValueError(f"concatenate: the arrays may differ in length only along axis {at}; got shapes {shapes}")
    return _concatenate(*parts, axis=axis)


@primitive(domain="real", numbers=False)
def _stack(*arrays: Any, axis: int) -> Array:
    shapes = [np.shape(x) for x in arrays]
    if len(set(shapes)) != 1:
        raise ValueError(f"stack: needs at least one array, all of the same shape; got shapes {shapes}")
    return np.stack(arrays, axis)


@_stack.backward("arrays")
def _(grad, index, axis):
    return getitem(grad, (slice(None),) * normalize_axis_index(axis, grad.ndim) + (index,))


@named
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays or Tensors of the same shape along a new axis.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    return _stack(*_several("stack", arrays), axis=axis)


@named
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Split along an axis, into a number of equal parts or before the given indices, as NumPy does.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.split(np.arange(4.0), 2)
    [array([0., 1.]), array([2., 3.])]
    """
    x = operand("split", "x", x)
    axis = normalize_axis_index(axis, x.ndim, "split")
    length = x.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        if indices_or_sections < 1 or length % indices_or_sections:
            raise ValueError(
                f"split: axis {axis} of length {length} cannot be split into {indices_or_sections} equal parts"
            )
        cuts = [length // indices_or_sections * i for i in range(1, indices_or_sections)]
    elif isinstance(indices_or_sections, float):
        raise TypeError(f"split: expected an int, the number of equal parts, or indices; got {indices_or_sections!r}")
    else:
        cuts = list(indices_or_sections)
    bounds = zip([0, *cuts], [*cuts, length], strict=True)
    return [getitem(x, (slice(None),) * axis + (slice(start, stop),)) for start, stop in bounds]


@primitive
def _pad(x: Any, pad_width: Any, constant_values: Any) -> Array:
    return np.pad(x, pad_width, constant_values=constant_values)


@_pad.backward("x")
def _(grad, x_shape, pad_width):
    before = np.broadcast_to(pad_width, (len(x_shape), 2))[:, 0]
    return getitem(grad, tuple(slice(int(b), int(b) + n) for b, n in zip(before, x_shape, strict=True)))


_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@named
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Surround with a constant, or with elements of `x` itself.

    Parameters
    ----------
    x : array or Tensor
    pad_width : int, pair of int, or a pair an axis
        As NumPy takes it: how many before and after.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        As NumPy has them: `constant_values`; the last element; a mirror at the last element, and one behind it; the
        other end. An element counts in the gradient as often as it stands in the result.
    constant_values : number

    Raises
    ------
    ValueError
        If the mode is another, or `x` is of integers or booleans, which do not hold the constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.pad(np.array([1.0, 2.0, 3.0]), (1, 2), "reflect")
    array([2., 1., 2., 3., 2., 1.])
    """
    x = operand("pad", "x", x)
    if isinstance(pad_width, dict):
        raise TypeError(f"pad: pad_width is a number, a pair, or a pair for each axis; got the dict {pad_width}")
    if type(mode) is not str or mode not in _MODES:
        hint = "" if isinstance(mode, str) else ": a constant is given by name, as constant_values="
        raise ValueError(f"pad: mode is one of {', '.join(_MODES)}; got {short(mode)}{hint}")
    if mode == "constant":
        constants: Any = constant_values
        if isinstance(constants, np.longdouble):
            constants = float(constants)
        elif type(constants) is not int:
            constants = native("pad: constant_values", constants)
        checks.holds("pad", "constant_values", constants, x.dtype)
        return _pad(x, pad_width, constants)
    widths = np.broadcast_to(pad_width, (x.ndim, 2))
    sources = [np.pad(np.arange(n), width, mode=mode) for n, width in zip(x.shape, widths, strict=True)]  # type: ignore[call-overload]
    return getitem(x, np.ix_(*sources)) if sources else x


def _plain(index: Any) -> Any:
    """Return an index with the Tensors in it replaced by their arrays."""
    if isinstance(index, tuple):
        return tuple(map(_plain, index))
    if isinstance(index, Variable):
        return index._data
    if index is None or index is ... or isinstance(index, np.ndarray | int | np.integer | np.bool_ | slice):
        return index
    try:
        array = np.array(index)  # a copy, because the caller may change the list later
    except ValueError:
        raise ValueError(f"getitem: an index is a list whose elements differ in shape: {short(index)}") from None
    return array if array.size else array.astype(np.intp)


def _is_basic(index: Any) -> bool:
    """Return whether an index is basic (numbers, slices, ellipsis, new axes): it then selects no element twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, int | np.integer | slice | None | type(...)) for p in parts)


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

    This is the adjoint of indexing, for one or several indices at once.
    """
    out = np.zeros(shape, np.result_type(*{part.dtype for part in parts}))
    for part, index in zip(parts, indices, strict=True):
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
        indices = indices.astype(np.intp)  # as NumPy counts them here
    if axis is None:
        return getitem(reshape(x, -1), indices)
    return getitem(x, (slice(None),) * normalize_axis_index(axis, x.ndim, "take") + (indices,))
