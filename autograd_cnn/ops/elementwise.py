"""Arithmetic and elementwise functions, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import native_dtype
from autograd_cnn.graph import Array
from autograd_cnn.primitive import primitive


@primitive(domain="real")
def add(x: Any, y: Any) -> Array:
    """Sum, `x + y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.add(np.array([1.0, 2.0]), 10.0)
    array([11., 12.])
    """
    return np.add(x, y)


@add.backward("x")
@add.backward("y")
def _(grad):
    return grad


@primitive(domain="real")
def subtract(x: Any, y: Any) -> Array:
    """Difference, `x - y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.subtract(np.array([1.0, 2.0]), 10.0)
    array([-9., -8.])
    """
    return np.subtract(x, y)


@subtract.backward("x")
def _(grad):
    return grad


@subtract.backward("y")
def _(grad):
    return -grad


@primitive(domain="real")
def multiply(x: Any, y: Any) -> Array:
    """Product, `x * y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.multiply(np.array([1.0, 2.0]), np.array([[1.0], [10.0]]))
    array([[ 1.,  2.],
           [10., 20.]])
    """
    return np.multiply(x, y)


@multiply.backward("x")
def _(grad, y):
    return multiply(grad, y)


@multiply.backward("y")
def _(grad, x):
    return multiply(grad, x)


@primitive(domain="floating", numbers=True)
def divide(x: Any, y: Any) -> Array:
    """Quotient, `x / y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.divide(np.array([1.0, 2.0]), 4.0)
    array([0.25, 0.5 ])
    """
    return np.divide(x, y)


@divide.backward("x")
def _(grad, y):
    return divide(grad, y)


@divide.backward("y")
def _(grad, y, out):
    return -multiply(grad, divide(out, y))  # (grad · out) / y would overflow sooner


@primitive(domain="real")
def negative(x: Any) -> Array:
    """Change of sign, `-x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.negative(np.array([1.0, -2.0]))
    array([-1.,  2.])
    """
    return np.negative(x)


@negative.backward("x")
def _(grad):
    return -grad


@primitive(domain="real")
def power(x: Any, y: Any) -> Array:
    """Power, `x ** y`, with broadcasting.

    As in PyTorch, the derivative with respect to `x` is 0 where `y` is 0, whatever `x` is. Where `x` is 0, the
    derivative with respect to `y` is −∞ for a negative `y`, and 0 otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([np.inf, np.nan, 0.0, 2.0]), requires_grad=True)
    >>> (x**0).sum().backward()
    >>> x.grad
    array([0., 0., 0., 0.])
    """
    if isinstance(y, int | float):
        if y == 3:
            return np.asarray(x * x * x)  # x ** 3 is far slower on float32 of both signs
        if y == -0.5:
            return np.asarray(1 / np.sqrt(x))  # faster than x ** -0.5, and nan where the derivative of sqrt is
    return np.asarray(x**y)  # not np.power, which lacks the operator's fast paths for 2 and ½


@power.backward("x")
def _(grad, x, y):
    if np.ndim(y) == 0 and y != 0:
        return multiply(grad, multiply(y, power(x, y - 1)))
    # Where y is 0 the slope is 0 · x ** -1: x is replaced where its inverse overflows. Elsewhere the inverse stays,
    # because the derivative of the slope with respect to y needs it.
    invertible = where(greater(abs(x), float(np.finfo(x.dtype).tiny)), x, 1)
    return multiply(grad, multiply(y, power(where(equal(y, 0), invertible, x), subtract(y, 1))))


@power.backward("y")
def _(grad, x, y, out):
    if isinstance(x, int | float):
        x = np.asarray(x, out.dtype)  # log of a plain number would be float32
    if np.ndim(x) or x == 0:
        x = where(equal(x, 0), greater_equal(y, 0), x)  # 0 ** y: log(1), or log(0) for a negative y
    return multiply(grad, multiply(out, log(x)))


@primitive(domain="floating")
def exp(x: Any) -> Array:
    """Exponential.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.exp(np.array([0.0, 1.0])).round(4)
    array([1.    , 2.7183])
    """
    return np.exp(x)


@exp.backward("x")
def _(grad, out):
    return grad * out


@primitive(domain="floating")
def log(x: Any) -> Array:
    """Natural logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log(np.array([1.0, 10.0])).round(4)
    array([0.    , 2.3026])
    """
    return np.log(x)


@log.backward("x")
def _(grad, x):
    return grad / x


@primitive(domain="floating")
def sqrt(x: Any) -> Array:
    """Square root.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sqrt(np.array([4.0, 9.0]))
    array([2., 3.])
    """
    return np.sqrt(x)


@sqrt.backward("x")
def _(grad, out):
    return grad / (2 * out)


@primitive(differentiable=False)
def sign(x: Any) -> Array:
    """Sign: −1, 0 or 1; nan for nan, as in NumPy (PyTorch has 0). Piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sign(np.array([-2.0, 0.0, np.nan]))
    array([-1.,  0., nan])
    """
    return np.sign(x)


@primitive(domain="real")
def abs(x: Any) -> Array:
    """Absolute value; the slope at 0 and at nan is 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.abs(np.array([-2.0, 3.0]))
    array([2., 3.])
    """
    return np.abs(x)


@abs.backward("x")
def _(grad, x):
    return grad * where(equal(x, x), sign(x), 0)  # false for nan


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

    The bounds are numbers or arrays; either may be None. The slope is 1 for `x` from bound to bound, both included, and
    0 outside, where it is 1 for the bound that is taken. Where `x` or a bound is nan, the result is nan and the slope
    0. Where `min` is greater than `max`, the result is `max`.

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


@primitive
def astype(x: Any, dtype: Any) -> Array:
    """Convert to another dtype; the gradient converts back.

    A cast to integers or booleans has no gradient: it ends the graph.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.astype(np.array([1.0, 2.0]), np.float32)
    array([1., 2.], dtype=float32)
    """
    return np.asarray(x).astype(native_dtype("astype: the result", dtype), copy=False)


@astype.backward("x")
def _(grad):
    return grad


@primitive(differentiable=False, domain="real")
def floor(x: Any) -> Array:
    """Largest whole number that is at most `x`; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.floor(np.array([-1.5, 1.5]))
    array([-2.,  1.])
    """
    return np.floor(x)


@primitive(differentiable=False, domain="real")
def ceil(x: Any) -> Array:
    """Smallest whole number that is at least `x`; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.ceil(np.array([-1.5, 1.5]))
    array([-1.,  2.])
    """
    return np.ceil(x)


@primitive(differentiable=False, domain="real")
def trunc(x: Any) -> Array:
    """`x` rounded towards zero; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.trunc(np.array([-1.5, 1.5]))
    array([-1.,  1.])
    """
    return np.trunc(x)


@primitive(differentiable=False, domain="real")
def round(x: Any, decimals: int = 0) -> Array:
    """`x` rounded to a number of decimals, halves to even; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.round(np.array([0.5, 1.5, 1.25]))
    array([0., 2., 1.])
    """
    return np.round(x, decimals)


@primitive(differentiable=False, domain="real")
def floor_divide(x: Any, y: Any) -> Array:
    """Quotient rounded down, `x // y`, with broadcasting; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.floor_divide(np.array([7.0, -7.0]), 2.0)
    array([ 3., -4.])
    """
    return np.floor_divide(x, y)


@primitive(domain="real")
def mod(x: Any, y: Any) -> Array:
    """Remainder of `x // y`, `x % y`, with the sign of `y` and broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.mod(np.array([7.0, -7.0]), 3.0)
    array([1., 2.])
    """
    return np.mod(x, y)


@mod.backward("x")
def _(grad):
    return grad


@mod.backward("y")
def _(grad, x, y):
    return -multiply(grad, floor_divide(x, y))


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
