"""Arithmetic and functions of one element at a time, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import native_dtype
from autograd_cnn.graph import Array
from autograd_cnn.primitive import primitive


@primitive(domain="real")
def add(x: Any, y: Any) -> Array:
    """Sum, `x + y`, with broadcasting."""
    return np.add(x, y)


@add.backward("x")
@add.backward("y")
def _(grad):
    return grad


@primitive(domain="real")
def subtract(x: Any, y: Any) -> Array:
    """Difference, `x - y`, with broadcasting."""
    return np.subtract(x, y)


@subtract.backward("x")
def _(grad):
    return grad


@subtract.backward("y")
def _(grad):
    return -grad


@primitive(domain="real")
def multiply(x: Any, y: Any) -> Array:
    """Product, `x * y`, with broadcasting."""
    return np.multiply(x, y)


@multiply.backward("x")
def _(grad, y):
    return multiply(grad, y)


@multiply.backward("y")
def _(grad, x):
    return multiply(grad, x)


@primitive(domain="floating", numbers=True)
def divide(x: Any, y: Any) -> Array:
    """Quotient, `x / y`, with broadcasting."""
    return np.divide(x, y)


@divide.backward("x")
def _(grad, y):
    return divide(grad, y)


@divide.backward("y")
def _(grad, y, out):
    return -multiply(grad, divide(out, y))  # not (grad · out) / y, which overflows sooner


@primitive(domain="real")
def negative(x: Any) -> Array:
    """Change of sign, `-x`."""
    return np.negative(x)


@negative.backward("x")
def _(grad):
    return -grad


@primitive(domain="real")
def power(x: Any, y: Any) -> Array:
    """Power, `x ** y`, with broadcasting.

    The slope in `x` is 0 where `y` is 0, whatever `x` is. The slope in `y` is 0 where `x` is 0 and `y` is not
    negative, and −∞ where `x` is 0 and `y` is negative. Both are PyTorch's.

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
            return np.asarray(x * x * x)  # x ** 3: 300 times slower on float32 of both signs
        if y == -0.5:
            return np.asarray(1 / np.sqrt(x))  # 8 times faster, and the slope of x ** ½ is nan where that is
    return np.asarray(x**y)  # np.power lacks the operator's short ways for 2 and ½: 4 times slower


@power.backward("x")
def _(grad, x, y):
    if np.ndim(y) == 0 and y != 0:
        return multiply(grad, multiply(y, power(x, y - 1)))
    # Where y is 0 the slope is 0 · x ** -1, also of an x that has no inverse. Of others the inverse stays: it is
    # what the slope changes by with y.
    invertible = where(greater(abs(x), float(np.finfo(x.dtype).tiny)), x, 1)
    return multiply(grad, multiply(y, power(where(equal(y, 0), invertible, x), subtract(y, 1))))


@power.backward("y")
def _(grad, x, y, out):
    if isinstance(x, int | float):
        x = np.asarray(x, out.dtype)  # log of a number alone is float32
    if np.ndim(x) or x == 0:
        x = where(equal(x, 0), greater_equal(y, 0), x)  # 0 ** y: log(1), or log(0) for a negative y
    return multiply(grad, multiply(out, log(x)))


@primitive(domain="floating")
def exp(x: Any) -> Array:
    """Exponential."""
    return np.exp(x)


@exp.backward("x")
def _(grad, out):
    return grad * out


@primitive(domain="floating")
def log(x: Any) -> Array:
    """Natural logarithm."""
    return np.log(x)


@log.backward("x")
def _(grad, x):
    return grad / x


@primitive(domain="floating")
def sqrt(x: Any) -> Array:
    """Square root."""
    return np.sqrt(x)


@sqrt.backward("x")
def _(grad, out):
    return grad / (2 * out)


@primitive(differentiable=False)
def sign(x: Any) -> Array:
    """Sign: −1, 0 or 1; of nan it is nan, as in NumPy, where PyTorch has 0."""
    return np.sign(x)


@primitive(domain="real")
def abs(x: Any) -> Array:
    """Absolute value; the slope at 0 and at nan is 0."""
    return np.abs(x)


@abs.backward("x")
def _(grad, x):
    return grad * where(equal(x, x), sign(x), 0)  # which nan does not


@primitive(differentiable=False)
def _precedence(x: Any, y: Any) -> Array:
    """0 where `x < y`, ½ where they are equal, else 1; beside a nan that is 1."""
    dtype = np.result_type(x, y)
    return 1 - (np.less(x, y).astype(dtype) + np.less_equal(x, y)) / 2


def _share(grad: Any, share: Any) -> Any:
    """Give a share of the gradient: nothing of an infinite one is 0."""
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
    """`x` where `condition` holds, else `y`, with broadcasting."""
    return np.where(condition, x, y)


@where.backward("x")
def _(grad, condition):
    return where(condition, grad, 0)


@where.backward("y")
def _(grad, condition):
    return where(condition, 0, grad)


@primitive(domain="real")
def clip(x: Any, min: Any = None, max: Any = None) -> Array:
    """`x` limited to `min` … `max`; the slope is 1 from bound to bound, both included, and 0 outside.

    The bounds are numbers or arrays, either may be None, and each has slope 1 where it is taken. Where `x` or a bound
    is nan the result is nan and the slope 0; where `min` is above `max` the result is `max`.

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

    A cast to integers or booleans has no gradient, and ends the graph.
    """
    return np.asarray(x).astype(native_dtype("astype: the result", dtype), copy=False)


@astype.backward("x")
def _(grad):
    return grad


@primitive(differentiable=False, domain="real")
def floor(x: Any) -> Array:
    """Largest whole number that is not above `x`; piecewise constant."""
    return np.floor(x)


@primitive(differentiable=False, domain="real")
def ceil(x: Any) -> Array:
    """Smallest whole number that is not below `x`; piecewise constant."""
    return np.ceil(x)


@primitive(differentiable=False, domain="real")
def trunc(x: Any) -> Array:
    """`x` without its fraction; piecewise constant."""
    return np.trunc(x)


@primitive(differentiable=False, domain="real")
def round(x: Any, decimals: int = 0) -> Array:
    """`x` rounded to so many decimals, halves to even; piecewise constant."""
    return np.round(x, decimals)


@primitive(differentiable=False, domain="real")
def floor_divide(x: Any, y: Any) -> Array:
    """Quotient rounded down, `x // y`, with broadcasting; piecewise constant."""
    return np.floor_divide(x, y)


@primitive(domain="real")
def mod(x: Any, y: Any) -> Array:
    """Remainder of `x // y`, `x % y`, of the sign of `y`, with broadcasting."""
    return np.mod(x, y)


@mod.backward("x")
def _(grad):
    return grad


@mod.backward("y")
def _(grad, x, y):
    return -multiply(grad, floor_divide(x, y))


@primitive(differentiable=False)
def equal(x: Any, y: Any) -> Array:
    """Whether `x == y`, with broadcasting."""
    return np.equal(x, y)


@primitive(differentiable=False)
def not_equal(x: Any, y: Any) -> Array:
    """Whether `x != y`, with broadcasting."""
    return np.not_equal(x, y)


@primitive(differentiable=False)
def less(x: Any, y: Any) -> Array:
    """Whether `x < y`, with broadcasting."""
    return np.less(x, y)


@primitive(differentiable=False)
def less_equal(x: Any, y: Any) -> Array:
    """Whether `x <= y`, with broadcasting."""
    return np.less_equal(x, y)


@primitive(differentiable=False)
def greater(x: Any, y: Any) -> Array:
    """Whether `x > y`, with broadcasting."""
    return np.greater(x, y)


@primitive(differentiable=False)
def greater_equal(x: Any, y: Any) -> Array:
    """Whether `x >= y`, with broadcasting."""
    return np.greater_equal(x, y)
