"""Diagonals and triangles of matrices."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from autograd_cnn.calls.operands import named
from autograd_cnn.ops.arrangement import moveaxis
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.comparison import where
from autograd_cnn.ops.indexing import getitem, scatter_add
from autograd_cnn.ops.reduction import sum


def _places(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    """Return the rows and the columns of the elements on a diagonal."""
    first, second = builtins.max(-offset, 0), builtins.max(offset, 0)
    steps = np.arange(builtins.max(builtins.min(rows - first, columns - second), 0))
    return first + steps, second + steps


@named
def diag(x: Any, k: int = 0) -> Any:
    """The `k`-th diagonal of a matrix, or a matrix with a vector on its `k`-th diagonal and zeros elsewhere.

    Raises
    ------
    ValueError
        If `x` has neither one axis nor two.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.diag(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    >>> ac.diag(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    x = operand("diag", "x", x)
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: x is a vector or a matrix; got shape {x.shape}")
    if x.ndim == 2:
        return getitem(x, _places(x.shape[0], x.shape[1], k))
    size = len(x) + builtins.abs(k)
    return scatter_add(x, indices=(_places(size, size, k),), shape=(size, size))


@named
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum along a diagonal of the matrices that two axes form.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.trace(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    x = operand("trace", "x", x)
    if x.ndim < 2:
        raise ValueError(f"trace: x has two axes or more; got shape {x.shape}")
    matrices = moveaxis(x, (axis1, axis2), (-2, -1))
    return sum(getitem(matrices, (..., *_places(matrices.shape[-2], matrices.shape[-1], offset))), -1)


def _triangle(op: str, x: Any, k: int, *, lower: bool) -> Any:
    x = operand(op, "x", x)
    if x.ndim < 2:
        raise ValueError(f"{op}: x is a matrix or several, of axes (…, rows, columns); got shape {x.shape}")
    below = np.tri(x.shape[-2], x.shape[-1], k if lower else k - 1, dtype=bool)
    return where(below if lower else ~below, x, np.zeros((), x.dtype))


@named
def tril(x: Any, k: int = 0) -> Any:
    """Lower triangle of matrices (…, rows, columns): what is above the `k`-th diagonal becomes 0.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tril(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    return _triangle("tril", x, k, lower=True)


@named
def triu(x: Any, k: int = 0) -> Any:
    """Upper triangle of matrices (…, rows, columns): what is below the `k`-th diagonal becomes 0.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.triu(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [0., 4.]])
    """
    return _triangle("triu", x, k, lower=False)
