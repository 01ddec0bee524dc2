"""Joining, splitting and padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named, native, short
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.indexing import getitem
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


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
    if isinstance(indices_or_sections, (int, np.integer)):
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


_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@primitive
def _pad(x: Any, pad_width: Any, constant_values: Any) -> Array:
    axes = kernels.memory_order(x)
    widths, values = (np.broadcast_to(v, (x.ndim, 2))[list(axes)] for v in (pad_width, constant_values))
    return np.pad(x.transpose(axes), widths, constant_values=values).transpose(np.argsort(axes))


@_pad.backward("x")
def _(grad, x_shape, pad_width):
    before = np.broadcast_to(pad_width, (len(x_shape), 2))[:, 0]
    return getitem(grad, tuple(slice(int(b), int(b) + n) for b, n in zip(before, x_shape, strict=True)))


@named
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Pad with a constant, or with elements of `x` itself.

    Parameters
    ----------
    x : array or Tensor
    pad_width : int, pair of int, or a pair for each axis
        As in NumPy: how many elements before and after.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        As in NumPy, the padding is: `constant_values`; the last element; a reflection without the last element; one
        with it; the other end of the axis. An element's gradient is summed over all its copies in the result.
    constant_values : number

    Raises
    ------
    ValueError
        If the mode is unknown, or `x` has integers or booleans, which cannot hold the constant.

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
