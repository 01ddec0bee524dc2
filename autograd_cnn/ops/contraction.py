"""Products of vectors, matrices and arrays of any number of axes, composed of `matmul` and `multiply`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.elementwise import multiply
from autograd_cnn.ops.linear import matmul
from autograd_cnn.ops.shape import reshape, transpose


@named
def dot(x: Any, y: Any) -> Any:
    """Dot product, as in NumPy.

    For vectors it is their inner product, for matrices the matrix product, for a number and an array their product.
    Otherwise the sum goes over the last axis of `x` and the second to last axis of `y`, or its only one.

    Raises
    ------
    ValueError
        If the axes that are summed over differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    x, y = checks.together("dot", x=x, y=y)
    if not x.ndim or not y.ndim:
        return multiply(x, y)
    along = max(y.ndim - 2, 0)
    if x.shape[-1] != y.shape[along]:
        raise ValueError(
            f"dot: the last axis of x and axis {along} of y have one length; got shapes {x.shape} and {y.shape}"
        )
    return matmul(x, y) if y.ndim <= 2 else tensordot(x, y, (-1, -2))


@named
def inner(x: Any, y: Any) -> Any:
    """Sum of products over the last axis of both; for a number and an array, their product.

    Raises
    ------
    ValueError
        If the last axes differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.inner(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """
    x, y = checks.together("inner", x=x, y=y)
    if not x.ndim or not y.ndim:
        return multiply(x, y)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"inner: the last axes have one length; got shapes {x.shape} and {y.shape}")
    return tensordot(x, y, (-1, -1))


@named
def outer(x: Any, y: Any) -> Any:
    """Products of each element of `x` with each of `y`: (x.size, y.size).

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([[3., 4.],
           [6., 8.]])
    """
    x, y = checks.together("outer", x=x, y=y)
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


@named
def tensordot(x: Any, y: Any, axes: int | Sequence[Any] = 2) -> Any:
    """Sum of products over some axes of each; the result has the other axes of `x`, then those of `y`.

    Parameters
    ----------
    x, y : array or Tensor
    axes : int, or a pair of ints or of sequences of int
        How many of the last axes of `x` to pair with as many of the first of `y`; or the axes of each.

    Raises
    ------
    ValueError
        If the paired axes differ in number or in length.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), ([1, 2], [1, 0])).shape
    (2, 5)
    """
    x, y = checks.together("tensordot", x=x, y=y)
    if isinstance(axes, Sequence):
        if len(axes) != 2:
            raise ValueError(f"tensordot: axes is a number, or those of x and those of y; got {axes!r}")
        of_x = normalize_axis_tuple(axes[0], x.ndim, "axes of x")
        of_y = normalize_axis_tuple(axes[1], y.ndim, "axes of y")
    else:
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: axes is at most the axes of each; got {axes} for {x.shape} and {y.shape}")
        of_x, of_y = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    if [x.shape[i] for i in of_x] != [y.shape[i] for i in of_y]:
        raise ValueError(
            f"tensordot: axes {of_x} of x and {of_y} of y have the same lengths; got shapes {x.shape} and {y.shape}"
        )
    rest_x = [i for i in range(x.ndim) if i not in of_x]
    rest_y = [i for i in range(y.ndim) if i not in of_y]
    outside_x, outside_y = [x.shape[i] for i in rest_x], [y.shape[i] for i in rest_y]
    length = math.prod(x.shape[i] for i in of_x)
    rows = reshape(transpose(x, (*rest_x, *of_x)), (math.prod(outside_x), length))
    columns = reshape(transpose(y, (*of_y, *rest_y)), (length, math.prod(outside_y)))
    return reshape(matmul(rows, columns), (*outside_x, *outside_y))
