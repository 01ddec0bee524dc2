"""Comparisons, and choices by them: `where`, `maximum`, `minimum` and `clip`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(differentiable=False)
def _precedence(x: Any, y: Any) -> Array:
    """Return 0 where `x < y`, ½ where they are equal, else 1; 1 where either is nan."""
    dtype = np.result_type(x, y)
    return 1 - (np.less(x, y).astype(dtype) + np.less_equal(x, y)) / 2


def _share(grad: Any, share: Any) -> Any:
    """Return a share of the gradient; a share of 0 is 0 even if the gradient is infinite."""
    return where(share, grad, 0) * share


@primitive(domain="real")
def maximum(x: Any, y: Any) -> Array:
    """The larger of `x` and `y`, with broadcasting; nan where either is nan.

    Where they are equal each gets half the gradient; where either is nan each gets all of it, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.maximum(np.array([1.0, np.nan]), 2.0)
    array([ 2., nan])
    """
    return np.maximum(x, y)


@maximum.backward("x")
def _(grad, x, y):
    return _share(grad, _precedence(x, y))


@maximum.backward("y")
def _(grad, x, y):
    return _share(grad, _precedence(y, x))


@primitive(domain="real")
def minimum(x: Any, y: Any) -> Array:
    """The smaller of `x` and `y`, with broadcasting; nan where either is nan.

    Where they are equal each gets half the gradient; where either is nan each gets all of it, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.minimum(np.array([1.0, np.nan]), 2.0)
    array([ 1., nan])
    """
    return np.minimum(x, y)


@minimum.backward("x")
def _(grad, x, y):
    return _share(grad, _precedence(y, x))


@minimum.backward("y")
def _(grad, x, y):
    return _share(grad, _precedence(x, y))


@primitive(constant_in=("condition",), domain="real")
def where(condition: Any, x: Any, y: Any) -> Array:
    """`x` where `condition` is true, else `y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.where(np.array([True, False]), 1.0, np.array([10.0, 20.0]))
    array([ 1., 20.])
    """
    return np.where(condition, x, y)


@where.backward("x")
def _(grad, condition):
    return where(condition, grad, 0)


@where.backward("y")
def _(grad, condition):
    return where(condition, 0, grad)


@primitive(domain="real")
def clip(x: Any, min: Any = None, max: Any = None) -> Array:
    """`x` limited to the range from `min` to `max`.

    The bounds are numbers or arrays; either may be None. From bound to bound, both included, the slope with respect to
    `x` is 1. Outside it is 0, and the slope with respect to the bound that is taken is 1. Where `x` or a bound is nan,
    the result is nan and the slope 0. Where `min` is greater than `max`, the result is `max`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.clip(np.array([-3.0, 0.5, np.inf, np.nan]), -1, 1)
    array([-1. ,  0.5,  1. ,  nan])
    """
    return np.clip(x, min, max)


@clip.backward("x")
def _(grad, x, min, max):
    if min is not None:
        grad = where(greater_equal(x, min), grad, 0)
    if max is not None:
        grad = where(less_equal(x, max), grad, 0)
    return grad


@clip.backward("min")
def _(grad, x, min, max):
    below = where(less(x, min), grad, 0)
    return below if max is None else where(less(min, max), below, 0)


@clip.backward("max")
def _(grad, x, min, max):
    above = where(greater(x, max), grad, 0)
    return above if min is None else where(less(max, min), grad, above)


@primitive(differentiable=False)
def equal(x: Any, y: Any) -> Array:
    """Whether `x == y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([False,  True, False])
    """
    return np.equal(x, y)


@primitive(differentiable=False)
def not_equal(x: Any, y: Any) -> Array:
    """Whether `x != y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.not_equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([ True, False,  True])
    """
    return np.not_equal(x, y)


@primitive(differentiable=False)
def less(x: Any, y: Any) -> Array:
    """Whether `x < y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.less(np.array([1.0, 2.0, 3.0]), 2.0)
    array([ True, False, False])
    """
    return np.less(x, y)


@primitive(differentiable=False)
def less_equal(x: Any, y: Any) -> Array:
    """Whether `x <= y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.less_equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([ True,  True, False])
    """
    return np.less_equal(x, y)


@primitive(differentiable=False)
def greater(x: Any, y: Any) -> Array:
    """Whether `x > y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.greater(np.array([1.0, 2.0, 3.0]), 2.0)
    array([False, False,  True])
    """
    return np.greater(x, y)


@primitive(differentiable=False)
def greater_equal(x: Any, y: Any) -> Array:
    """Whether `x >= y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.greater_equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([False,  True,  True])
    """
    return np.greater_equal(x, y)
