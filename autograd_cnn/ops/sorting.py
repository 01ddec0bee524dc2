"""Sorting, and the indices of sorted elements and of extremes."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import named
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.shape import reshape
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array, Variable


def _indices(index: Any, op: str, x: Any, *options: Any) -> Array:
    """Return the indices that a primitive finds, as a plain array."""
    found = index(operand(op, "x", x), *options)
    array: Array = found._data if isinstance(found, Variable) else found
    return array


@primitive
def _arranged(x: Any, order: Any, axis: int) -> Array:
    """Return the elements along an axis in another order, each once."""
    return np.take_along_axis(x, order, axis)


@_arranged.backward("x")
def _(grad, order, axis):
    return _arranged(grad, np.argsort(order, axis), axis)


@named
def sort(x: Any, axis: int | None = -1) -> Any:
    """Elements in ascending order along an axis, or of the flattened array; nan comes last.

    Equal elements keep their order, so each gets the gradient of its own place, as in PyTorch's stable sort.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([3.0, 1.0, 2.0]), requires_grad=True)
    >>> ac.sort(x).backward(np.array([10.0, 20.0, 30.0]))
    >>> x.grad
    array([30., 10., 20.])
    """
    x = operand("sort", "x", x)
    if axis is None:
        x, axis = reshape(x, -1), 0
    return _arranged(x, _argsort(x, axis), axis)


@named
def argsort(x: Any, axis: int | None = -1) -> Array:
    """Indices that sort along an axis, or the flattened array: a plain array, as indices have no gradient.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.argsort(ac.Tensor([3.0, 1.0, 2.0]))
    array([1, 2, 0])
    """
    return _indices(_argsort, "argsort", x, axis)


@primitive(differentiable=False)
def _argsort(x: Any, axis: int | None = None) -> Array:
    return np.argsort(x, axis, kind="stable")


@named
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the maximum along an axis, or in the flattened array: a plain array, as indices have no gradient.

    Of equal maxima, and of several nans, it is the first.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.argmax(ac.Tensor([[1.0, 3.0], [5.0, 2.0]]), 1)
    array([1, 0])
    """
    return _indices(_argmax, "argmax", x, axis, keepdims)


@primitive(differentiable=False)
def _argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    return np.asarray(np.argmax(x, axis, keepdims=keepdims))


@named
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index of the minimum along an axis, or in the flattened array: a plain array, as indices have no gradient.

    Of equal minima, and of several nans, it is the first.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.argmin(np.array([3.0, 1.0, 2.0])).item()
    1
    """
    return _indices(_argmin, "argmin", x, axis, keepdims)


@primitive(differentiable=False)
def _argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Array:
    return np.asarray(np.argmin(x, axis, keepdims=keepdims))
