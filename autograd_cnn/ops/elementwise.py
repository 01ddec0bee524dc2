"""Arithmetic and elementwise functions, with NumPy's broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import native_dtype
from autograd_cnn.ops.comparison import equal, greater, greater_equal, where
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


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
    return grad * y


@multiply.backward("y")
def _(grad, x):
    return grad * x


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
    return grad / y


@divide.backward("y")
def _(grad, y, out):
    return -grad * (out / y)  # (grad · out) / y would overflow sooner


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
    if isinstance(y, (int, float)):
        if y == 3:
            return np.asarray(x * x * x)  # x ** 3 is far slower on float32 of both signs
        if y == -0.5:
            return np.asarray(1 / np.sqrt(x))  # faster than x ** -0.5, and nan where the derivative of sqrt is
    return np.asarray(x**y)  # not np.power, which lacks the operator's fast paths for 2 and ½


@power.backward("x")
def _(grad, x, y):
    if isinstance(y, (int, float)) and y != 0:
        return grad * (y * (x if y == 2 else power(x, y - 1)))
    # Where y is 0 the slope is 0 · x ** -1: x is replaced where its inverse overflows. Elsewhere the inverse stays,
    # because the derivative of the slope with respect to y needs it.
    invertible = where(greater(abs(x), float(np.finfo(x.dtype).tiny)), x, 1)
    return grad * (y * power(where(equal(y, 0), invertible, x), y - 1))


@power.backward("y")
def _(grad, x, y, out):
    if isinstance(x, (int, float)):
        x = np.asarray(x, out.dtype)  # log of a plain number would be float32
    if np.ndim(x) or x == 0:
        x = where(equal(x, 0), greater_equal(y, 0), x)  # 0 ** y: log(1), or log(0) for a negative y
    return grad * (out * log(x))


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
