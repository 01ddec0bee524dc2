"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.graph import Array
from autograd_cnn.ops.elementwise import promote
from autograd_cnn.ops.reduction import sum
from autograd_cnn.ops.shape import expand_dims, reshape, squeeze, transpose
from autograd_cnn.primitive import primitive


def _transposed(x: Any) -> Any:
    """Exchange the last two axes."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@primitive
def matmul(x: Any, y: Any) -> Array:
    """Matrix product, `x @ y`, as NumPy has it: vectors are rows or columns, leading axes broadcast."""
    return np.matmul(*promote(x, y))


def _as_matrices(grad: Any, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Any:
    """Give the gradient of a product the axes it would have if vectors were matrices."""
    if len(y_shape) == 1:
        grad = expand_dims(grad, -1)
    return expand_dims(grad, -2) if len(x_shape) == 1 else grad


@matmul.backward("x")
def _(grad, x_shape, y, y_shape):
    column = expand_dims(y, -1) if len(y_shape) == 1 else y
    product = matmul(_as_matrices(grad, x_shape, y_shape), _transposed(column))
    return squeeze(product, -2) if len(x_shape) == 1 else product


@matmul.backward("y")
def _(grad, x, x_shape, y_shape):
    row = expand_dims(x, 0) if len(x_shape) == 1 else x
    product = matmul(_transposed(row), _as_matrices(grad, x_shape, y_shape))
    return squeeze(product, -1) if len(y_shape) == 1 else product


@primitive
def linear(x: Any, weight: Any, bias: Any = None) -> Array:
    """Affine map of the last axis, `x @ weight.T + bias`.

    Parameters
    ----------
    x : (..., in)
    weight : (out, in)
    bias : (out,), optional

    Returns
    -------
    (..., out)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.linear(np.ones((2, 3)), np.ones((4, 3)), np.zeros(4)).shape
    (2, 4)
    """
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x is (..., in) and weight (out, in), with the same `in`; got x {x.shape} and weight {weight.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: for weight {weight.shape} the bias is {weight.shape[:1]}; got shape {bias.shape}")
    out = np.matmul(x, weight.T)
    if bias is not None:
        out += bias
    return out


@linear.backward("x")
def _(grad, weight):
    return matmul(grad, weight)


@linear.backward("weight")
def _(grad, x, weight_shape):
    outs, ins = weight_shape
    return matmul(transpose(reshape(grad, (-1, outs))), reshape(x, (-1, ins)))


@linear.backward("bias")
def _(grad):
    return sum(grad, axis=tuple(range(grad.ndim - 1)))
