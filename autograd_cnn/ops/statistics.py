"""Standard deviations and weighted means."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.comparison import equal, where
from autograd_cnn.ops.elementwise import multiply
from autograd_cnn.ops.reduction import Axis, _axes, _count, _keep, _variance, mean, sum
from autograd_cnn.ops.shape import broadcast_to, reshape, transpose
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(domain="floating")
def std(x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """Standard deviation over `axis`, the square root of `var`; where it is 0 the slope is 0, as in PyTorch.

    Raises
    ------
    ValueError
        If there are not more than `ddof` values; NumPy warns and returns nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.std(np.array([1.0, 3.0])))
    1.0
    """
    return np.sqrt(_variance("std", x, axis, ddof, keepdims))


@std.backward("x")
def _(grad, x, out, x_shape, axis, ddof):
    constant = equal(out, 0)
    scale = where(constant, 0, grad / where(constant, 1, out)) / (_count(x_shape, axis) - float(ddof))
    return _keep(scale, x_shape, axis) * (x - mean(x, axis, True))


@named
def average(x: Any, axis: Axis = None, weights: Any = None, returned: bool = False, keepdims: bool = False) -> Any:
    """Mean over `axis`, weighted if `weights` are given: Σ weight · x / Σ weight.

    Parameters
    ----------
    x : array or Tensor
    axis : int or tuple of int, optional
    weights : array or Tensor, optional
        Of the shape of `x`, or with only the axes that are averaged over.
    returned : bool
        Whether to return the sums of the weights with the mean.
    keepdims : bool

    Raises
    ------
    ValueError
        If the weights do not fit.
    ZeroDivisionError
        If weights add up to 0, as in NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.average(np.array([1.0, 4.0]), weights=np.array([3.0, 1.0])))
    1.75
    """
    if weights is None:
        x = operand("average", "x", x)
        value, scale = mean(x, axis, keepdims), None
    else:
        x, weights = checks.together("average", x=x, weights=weights)
        weights = _spread("average", weights, x.shape, axis)
        scale = sum(weights, axis, keepdims)
        if bool(np.any(np.equal(scale._data if hasattr(scale, "_data") else scale, 0))):
            raise ZeroDivisionError(f"average: weights over axis {axis} add up to 0, so they cannot be divided by it")
        value = sum(multiply(x, weights), axis, keepdims) / scale
    if not returned:
        return value
    count = np.asarray(float(_count(x.shape, axis)), value.dtype) if scale is None else scale
    return value, broadcast_to(count, value.shape)


def _spread(op: str, weights: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """Return weights in the shape of the array that they weight."""
    if weights.shape == shape:
        return weights
    axes = _axes(axis, len(shape))
    if axis is None or weights.shape != tuple(shape[i] for i in axes):
        expected = "" if axis is None else f", or {tuple(shape[i] for i in axes)} for axis {axis}"
        raise ValueError(f"{op}: the weights of x {shape} have that shape{expected}; got {weights.shape}")
    order = tuple(np.argsort(axes))
    weights = transpose(weights, order)
    return broadcast_to(reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(shape))), shape)
