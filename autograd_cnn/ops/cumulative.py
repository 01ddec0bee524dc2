"""Products of many numbers, running sums and products, and differences.

The slope of a product with respect to a factor is the product of all other factors. It is never computed as the whole
product divided by the factor: the rules multiply the product of the factors before it with that of the factors after
it, so that they are right with zeros, to any order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.arrangement import flip
from autograd_cnn.ops.comparison import not_equal
from autograd_cnn.ops.elementwise import subtract
from autograd_cnn.ops.indexing import getitem
from autograd_cnn.ops.joining import concatenate
from autograd_cnn.ops.reduction import Axis, _axes, _keep
from autograd_cnn.ops.shape import broadcast_to, reshape, transpose
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(domain="real")
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Product of the elements over `axis` (all of them by default); the product of no elements is 1.

    The slope of an element is the product of all others: if one element is zero, only that one has a slope; if two
    are, none has.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([2.0, 0.0, 4.0]), requires_grad=True)
    >>> ac.prod(x).backward()
    >>> x.grad
    array([0., 8., 0.])
    """
    return np.asarray(np.prod(x, axis=axis if np.ndim(x) else _axes(axis, 0), keepdims=keepdims))


@prod.backward("x")
def _(grad, x, x_shape, axis):
    axes = _axes(axis, len(x_shape))
    rest = [i for i in range(len(x_shape)) if i not in axes]
    order = [*rest, *axes]
    rows = reshape(transpose(x, order), (*(x_shape[i] for i in rest), math.prod(x_shape[i] for i in axes)))
    before, after = _product_before(rows), flip(_product_before(flip(rows, -1)), -1)
    others = reshape(before * after, [x_shape[i] for i in order])
    return _keep(grad, x_shape, axis) * transpose(others, tuple(np.argsort(order)))


def _product_before(rows: Any) -> Any:
    """Return, for each element along the last axis, the product of those before it."""
    return _shifted(cumprod(rows, -1), 1, 1.0)


def _shifted(rows: Any, by: int, fill: float) -> Any:
    """Shift to the right along the last axis, and fill in from the left."""
    by = min(by, rows.shape[-1])
    return concatenate([
        np.full((*rows.shape[:-1], by), fill, rows.dtype), getitem(rows, (..., slice(rows.shape[-1] - by)))
    ], -1)  # fmt: skip


def _flat(shape: tuple[int, ...], axis: int | None) -> tuple[tuple[int, ...], int]:
    """Return the shape and the axis to accumulate along: those given, or those of the flattened array."""
    return ((math.prod(shape),), 0) if axis is None else (shape, axis)


@primitive(domain="real")
def cumsum(x: Any, axis: int | None = None) -> Array:
    """Running sum along an axis, or of the flattened array.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cumsum(np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    return np.cumsum(x, axis)


@cumsum.backward("x")
def _(grad, x_shape, axis):
    along = _flat(x_shape, axis)[1]
    return reshape(flip(cumsum(flip(grad, along), along), along), x_shape)


@primitive(domain="real")
def cumprod(x: Any, axis: int | None = None) -> Array:
    """Running product along an axis, or of the flattened array; the slopes are right with zeros too.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cumprod(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 6.])
    """
    return np.cumprod(x, axis)


@cumprod.backward("x")
def _(grad, x, x_shape, axis):
    shape, along = _flat(x_shape or (1,), axis)
    along = normalize_axis_index(along, len(shape))
    last = (*(i for i in range(len(shape)) if i != along), along)
    rows, cotangent = transpose(reshape(x, shape), last), transpose(reshape(grad, shape), last)
    slopes = _product_before(rows) * _sum_of_products_after(rows, cotangent)
    return reshape(transpose(slopes, tuple(np.argsort(last))), x_shape)


def _sum_of_products_after(rows: Any, grad: Any) -> Any:
    """Return s with s[i] = grad[i] + rows[i + 1] · s[i + 1], along the last axis.

    Each step is a map s → factor · s + term, and maps of neighbours compose into one: doubling their reach takes
    log₂ n rounds (Hillis and Steele, "Data parallel algorithms", 1986).
    """
    terms, factors = flip(grad, -1), _shifted(flip(rows, -1), 1, 0.0)
    reach = 1
    while reach < rows.shape[-1]:
        terms = terms + factors * _shifted(terms, reach, 0.0)
        factors = factors * _shifted(factors, reach, 0.0)
        reach *= 2
    return flip(terms, -1)


@named
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, taken `n` times.

    Parameters
    ----------
    x : array or Tensor
    n : int
        0 leaves `x` as it is.
    axis : int
    prepend, append : number, array or Tensor, optional
        What is joined to `x` along the axis first; a number is broadcast along the other axes.

    Raises
    ------
    ValueError
        If `n` is negative, or `x` has no axis.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.diff(np.array([1.0, 4.0, 9.0]))
    array([3., 5.])
    """
    ends = {name: end for name, end in (("prepend", prepend), ("append", append)) if end is not None}
    x, *others = checks.together("diff", x=x, **ends)
    if n == 0:
        return x
    if n < 0 or not x.ndim:
        raise ValueError(f"diff: n is at least 0, and x has an axis; got n={n} and shape {x.shape}")
    axis = normalize_axis_index(axis, x.ndim, "diff")
    one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    joined = {name: end if end.ndim else broadcast_to(end, one) for name, end in zip(ends, others, strict=True)}
    if joined:
        parts = (joined.get("prepend"), x, joined.get("append"))
        x = concatenate([part for part in parts if part is not None], axis)
    difference = not_equal if x.dtype.kind == "b" else subtract
    after, before = ((slice(None),) * axis + (part,) for part in (slice(1, None), slice(-1)))
    for _ in range(n):
        x = difference(getitem(x, after), getitem(x, before))
    return x
