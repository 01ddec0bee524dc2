"""Norms of vectors and matrices; `linalg` exports them with the rest of linear algebra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named, short
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.comparison import equal, not_equal, where
from autograd_cnn.ops.elementwise import abs, power, sign
from autograd_cnn.ops.reduction import Axis, _axes, _keep, sum
from autograd_cnn.ops.shape import squeeze
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(domain="floating")
def _p_norm(x: Any, p: float, axis: Axis, keepdims: bool) -> Array:
    """(Σ |x|ᵖ) ** (1 / p) over `axis`."""
    if p == 2:
        return np.asarray(np.sqrt(kernels.sum(x * x, axis, keepdims)))
    size = np.abs(x)
    if p == 1:
        return kernels.sum(size, axis, keepdims)
    return np.asarray(kernels.sum(size**p, axis, keepdims) ** (1 / p))


@_p_norm.backward("x")
def _(grad, x, out, x_shape, p, axis):
    zero = _keep(equal(out, 0), x_shape, axis)  # the norm of zeros has a kink there, and slope 0
    length = where(zero, 1, _keep(out, x_shape, axis))
    share = where(zero, 0, _keep(grad, x_shape, axis))
    if p == 2:
        return share * (x / length)
    nothing = equal(x, 0)
    return share * sign(x) * where(nothing, 0, power(abs(where(nothing, length, x)) / length, p - 1))


@primitive(domain="floating")
def _largest(x: Any, axis: Axis, keepdims: bool) -> Array:
    """Maximum over `axis`; equal maxima share the gradient, as in PyTorch's norms."""
    return np.asarray(np.max(x, axis, keepdims=keepdims))


@_largest.backward("x")
def _(grad, x, out, x_shape, axis):
    hits = where(equal(x, _keep(out, x_shape, axis)), 1.0, 0.0).astype(x.dtype)
    return hits * (_keep(grad, x_shape, axis) / sum(hits, axis, True))


def _of_vectors(x: Any, ord: Any, axis: Axis, keepdims: bool) -> Any:
    if ord in (math.inf, -math.inf):
        size = abs(x)
        return _largest(size, axis, keepdims) if ord > 0 else -_largest(-size, axis, keepdims)
    if isinstance(ord, str) or not isinstance(ord, (int, float, np.number)):
        raise ValueError(f"norm: ord of a vector is a number, inf or -inf; got {short(ord)}")
    if ord == 0:
        return sum(not_equal(x, 0).astype(x.dtype), axis, keepdims)
    return _p_norm(x, float(ord), axis, keepdims)


def _of_matrices(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    if ord == "fro":
        return _p_norm(x, 2.0, axes, keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        along, across = axes if ord in (1, -1) else axes[::-1]
        sums = sum(abs(x), along, True)
        out = _largest(sums, across, True) if ord > 0 else -_largest(-sums, across, True)
        return out if keepdims else squeeze(out, axes)
    raise ValueError(
        f"norm: ord of a matrix is None, 'fro', 1, -1, inf or -inf; got {short(ord)}: norms by singular values have "
        "no op"
    )


@named
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Norm of vectors or matrices, as in `numpy.linalg.norm`.

    The slope of the norm of zeros is 0, and equal largest elements share the gradient, as in PyTorch.

    Parameters
    ----------
    x : array or Tensor
    ord : None, number, inf, -inf or "fro"
        For vectors: (Σ |x|ᵖ) ** (1 / p) for a number p, the number of nonzero elements for 0, the largest or smallest
        absolute value for ±inf. For matrices: "fro" is the root of the sum of squares; 1 and inf are the largest sum of
        absolute values of a column and of a row, −1 and −inf the smallest. None is 2 or "fro"; without an axis, it
        takes `x` as a whole.
    axis : int or pair of int, optional
        One axis for vectors, two for matrices.
    keepdims : bool

    Raises
    ------
    ValueError
        For another `ord`, such as those based on singular values, or other axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.grad(np.linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    x = operand("norm", "x", x)
    if axis is None and ord is None:
        return _p_norm(x, 2.0, None, keepdims)
    axes = _axes(axis if axis is None else tuple(checks.integers("norm", "axis", axis)), x.ndim)
    if len(axes) not in (1, 2):
        raise ValueError(f"norm: takes one axis for vectors, or two for matrices; got axis {axis} of shape {x.shape}")
    if len(axes) == 1:
        return _of_vectors(x, 2 if ord is None else ord, axes, keepdims)
    return _of_matrices(x, "fro" if ord is None else ord, (axes[0], axes[1]), keepdims)
