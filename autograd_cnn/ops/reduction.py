"""Sums, means, variances and extremes over axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn import kernels
from autograd_cnn.ops import checks
from autograd_cnn.ops.comparison import where
from autograd_cnn.ops.elementwise import exp
from autograd_cnn.ops.shape import broadcast_to
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array

Axis = int | tuple[int, ...] | None


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    if ndim == 0 and (axis == 0 or axis == -1):  # as in NumPy's ufuncs and PyTorch
        return ()
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    """Return the number of elements that each result is computed from."""
    return math.prod(shape[i] for i in _axes(axis, len(shape)))


def _keep(reduced: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """Reshape a reduced array so that the reduced axes are back, with length one."""
    axes = _axes(axis, len(shape))
    return reduced.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


@primitive(domain="real")
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum of the elements over `axis`, by default over all axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    """
    return kernels.sum(x, axis, keepdims)


@sum.backward("x")
def _(grad, x_shape, axis):
    return broadcast_to(_keep(grad, x_shape, axis), x_shape)


@primitive(domain="floating")
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean of the elements over `axis`, by default over all axes. The mean of no elements is nan, and NumPy warns.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([2., 3.])
    """
    return kernels.mean(x, axis if np.ndim(x) else _axes(axis, 0), keepdims)


@mean.backward("x")
def _(grad, x_shape, axis):
    count = _count(x_shape, axis) or 1  # if there are no elements, nothing gets a gradient
    return broadcast_to(_keep(grad / count, x_shape, axis), x_shape)


@primitive(domain="floating")
def var(x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """Variance over `axis`: the sum of squared distances from the mean, divided by n − `ddof`.

    Raises
    ------
    ValueError
        If there are not more than `ddof` values; NumPy warns and returns nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.var(np.array([1.0, 3.0]))), float(ac.var(np.array([1.0, 3.0]), ddof=1))
    (1.0, 2.0)
    """
    return _variance("var", x, axis, ddof, keepdims)


def _variance(op: str, x: Any, axis: Axis, ddof: float, keepdims: bool) -> Array:
    shape = np.shape(x)
    ddof = checks.number(op, "ddof", ddof)
    if not _count(shape, axis) > ddof:
        raise ValueError(
            f"{op}: takes more values than ddof={ddof:g}; got {_count(shape, axis)} for each result, over axis {axis} "
            f"of shape {shape}"
        )
    axis = axis if shape else _axes(axis, 0)
    centered = x - kernels.mean(x, axis, True)
    return np.asarray(kernels.sum(centered * centered, axis, keepdims) / (_count(shape, axis) - ddof))


@var.backward("x")
def _(grad, x, x_shape, axis, ddof):
    scale = 2 / (_count(x_shape, axis) - float(ddof))
    return _keep(grad * scale, x_shape, axis) * (x - mean(x, axis, True))


@primitive(differentiable=False)
def _first(x: Any, extreme: Any, axis: Axis = None) -> Array:
    """Return 1 at the first element along `axis` that equals the extreme (or is nan too), and 0 elsewhere."""
    axes = _axes(axis, x.ndim)
    # Move the reduced axes to the end and flatten them: argmax then finds the first hit.
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    # x can be nan only where the extreme is nan, and a nan equals nothing.
    hits = np.transpose((x == _keep(extreme, x.shape, axis)) | (x != x), order)
    rows = hits.reshape(*hits.shape[: x.ndim - len(axes)], math.prod(hits.shape[x.ndim - len(axes) :]))
    first = np.zeros(rows.shape, x.dtype)
    np.put_along_axis(first, rows.argmax(-1)[..., None], 1, axis=-1)
    return np.transpose(first.reshape(hits.shape), np.argsort(order))


def _extreme_gradient(grad: Any, x: Any, out: Any, axis: Axis) -> Any:
    return where(_first(x, out, axis), _keep(grad, x.shape, axis), 0)


def _check_something(op: str, shape: tuple[int, ...], axis: Axis) -> None:
    if 0 in shape and _count(shape, axis) == 0:
        raise ValueError(f"{op}: there are no elements to choose from; got shape {shape} and axis {axis}")


@primitive(domain="real")
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Maximum over `axis`, by default over all axes; nan if an element is nan.

    Of equal maxima, and of several nans, the first gets the gradient. Without an axis, PyTorch shares it equally.

    Raises
    ------
    ValueError
        If there is no element to choose from.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.max(np.array([[1.0, 3.0], [2.0, np.nan]]), 1)
    array([ 3., nan])
    """
    _check_something("max", np.shape(x), axis)
    return np.max(x, axis=axis, keepdims=keepdims)


@max.backward("x")
def _(grad, x, out, axis):
    return _extreme_gradient(grad, x, out, axis)


@primitive(domain="real")
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Minimum over `axis`, by default over all axes; nan if an element is nan.

    Of equal minima, and of several nans, the first gets the gradient. Without an axis, PyTorch shares it equally.

    Raises
    ------
    ValueError
        If there is no element to choose from.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.min(np.array([[1.0, 3.0], [2.0, np.nan]]), 1)
    array([ 1., nan])
    """
    _check_something("min", np.shape(x), axis)
    return np.min(x, axis=axis, keepdims=keepdims)


@min.backward("x")
def _(grad, x, out, axis):
    return _extreme_gradient(grad, x, out, axis)


@primitive(domain="floating")
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Logarithm of the sum of exponentials over `axis`, without overflow.

    The maximum is subtracted first, so that the largest exponential is 1. The result for no elements, and for −∞ alone,
    is −∞; its slope there is 0, where PyTorch has nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.logsumexp(np.array([[1000.0, 1000.0], [-np.inf, 0.0]]), 1).round(4)
    array([1000.6931,    0.    ])
    """
    # An empty array has no maximum; its sum has the right shape.
    peak = (np.max if np.size(x) else np.sum)(x, axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))  # ±inf − ±inf would be nan
    with np.errstate(divide="ignore"):
        out = np.log(kernels.sum(np.exp(x - peak), axis, True)) + peak
    return out if keepdims else np.squeeze(out, axis=_axes(axis, np.ndim(x)))


@logsumexp.backward("x")
def _(grad, x, out, axis):
    top = _keep(where(out == -np.inf, 0, out), x.shape, axis)  # in a row of −inf alone the slope is 0
    return _keep(grad, x.shape, axis) * exp(x - top)
