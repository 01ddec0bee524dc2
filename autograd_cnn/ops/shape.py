"""Ops that change an array's shape: axes merged, split, exchanged, inserted and removed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.ops.checks import operand
from autograd_cnn.primitive import primitive
from autograd_cnn.rules import unbroadcast
from autograd_cnn.variable import Array


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
    """Flatten the axes from `start_dim` to `end_dim`, both included, into one; by default all axes.

    The layer `autograd_cnn.nn.flatten` keeps the first axis, which is the batch's.

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
