"""Sums, means and extremes over axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn import kernels
from autograd_cnn.graph import Array
from autograd_cnn.ops.elementwise import exp, where
from autograd_cnn.ops.shape import broadcast_to
from autograd_cnn.primitive import primitive

Axis = int | tuple[int, ...] | None


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements each result is made of."""
    return math.prod(shape[i] for i in _axes(axis, len(shape)))


def _keep(reduced: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """Give a reduced array its lost axes back, with length one."""
    axes = _axes(axis, len(shape))
    return reduced.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


@primitive
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum of the elements over `axis` (all of them by default)."""
    return kernels.sum(x, axis, keepdims)


@sum.backward("x")
def _(grad, x_shape, axis):
    return broadcast_to(_keep(grad, x_shape, axis), x_shape)


@primitive
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean of the elements over `axis` (all of them by default)."""
    return kernels.mean(x, axis, keepdims)


@mean.backward("x")
def _(grad, x_shape, axis):
    return broadcast_to(_keep(grad / _count(x_shape, axis), x_shape, axis), x_shape)


@primitive
def var(x: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Array:
    """Variance over `axis`: the sum of squared distances from the mean, divided by n − `ddof`."""
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


@var.backward("x")
def _(grad, x, x_shape, axis, ddof):
    scale = 2 / (_count(x_shape, axis) - ddof)
    return _keep(grad * scale, x_shape, axis) * (x - mean(x, axis, True))


@primitive(differentiable=False)
def _first(x: Any, extreme: Any, axis: Axis) -> Array:
    """1 at the first element along `axis` that equals the extreme, 0 elsewhere; in the dtype of `x`."""
    axes = _axes(axis, x.ndim)
    # The reduced axes go last and become one, in which argmax gives the first.
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    hits = np.transpose(x == _keep(extreme, x.shape, axis), order)
    rows = hits.reshape(*hits.shape[: x.ndim - len(axes)], math.prod(hits.shape[x.ndim - len(axes) :]))
    first = np.zeros(rows.shape, x.dtype)
    np.put_along_axis(first, rows.argmax(-1)[..., None], 1, axis=-1)
    return np.transpose(first.reshape(hits.shape), np.argsort(order))


def _extreme_gradient(grad: Any, x: Any, out: Any, axis: Axis) -> Any:
    return _keep(grad, x.shape, axis) * _first(x, out, axis)


@primitive
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Maximum over `axis` (of all by default); of equal maxima the first gets the gradient."""
    return np.max(x, axis=axis, keepdims=keepdims)


@max.backward("x")
def _(grad, x, out, axis):
    return _extreme_gradient(grad, x, out, axis)


@primitive
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Minimum over `axis` (of all by default); of equal minima the first gets the gradient."""
    return np.min(x, axis=axis, keepdims=keepdims)


@min.backward("x")
def _(grad, x, out, axis):
    return _extreme_gradient(grad, x, out, axis)


@primitive
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Logarithm of the sum of exponentials over `axis`, without overflow.

    The maximum is taken out of the sum first, so that the largest exponential is 1.
    """
    peak = np.max(x, axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))  # ±inf − ±inf would be nan
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return out if keepdims else np.squeeze(out, axis=_axes(axis, np.ndim(x)))


@logsumexp.backward("x")
def _(grad, x, out, axis):
    top = _keep(where(out == -np.inf, 0, out), x.shape, axis)  # a row of −inf alone has no slope
    return _keep(grad, x.shape, axis) * exp(x - top)
