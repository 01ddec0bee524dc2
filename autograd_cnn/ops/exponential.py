"""Elementwise exponentials, logarithms and simple powers, besides those in `elementwise`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_cnn.ops.activation import sigmoid
from autograd_cnn.ops.comparison import equal, where
from autograd_cnn.ops.elementwise import abs, multiply, subtract
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(domain="floating")
def log1p(x: Any) -> Array:
    """log(1 + x), exact for small `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log1p(np.array([0.0, 1e-20]))
    array([0.e+00, 1.e-20])
    """
    return np.log1p(x)


@log1p.backward("x")
def _(grad, x):
    return grad / (1 + x)


@primitive(domain="floating")
def expm1(x: Any) -> Array:
    """exp(x) − 1, exact for small `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.expm1(np.array([0.0, 1e-20]))
    array([0.e+00, 1.e-20])
    """
    return np.expm1(x)


@expm1.backward("x")
def _(grad, out):
    return grad * (out + 1)


@primitive(domain="floating")
def log2(x: Any) -> Array:
    """Logarithm to the base 2.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log2(np.array([1.0, 8.0]))
    array([0., 3.])
    """
    return np.log2(x)


@log2.backward("x")
def _(grad, x):
    return grad / (x * math.log(2))


@primitive(domain="floating")
def log10(x: Any) -> Array:
    """Logarithm to the base 10.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log10(np.array([1.0, 1000.0])).round(4)
    array([0., 3.])
    """
    return np.log10(x)


@log10.backward("x")
def _(grad, x):
    return grad / (x * math.log(10))


@primitive(domain="floating", numbers=True)
def logaddexp(x: Any, y: Any) -> Array:
    """log(exp(x) + exp(y)) without overflow, with broadcasting.

    Each slope is the share of that operand in the sum. Two equal infinities share the
    gradient evenly, while PyTorch returns nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.logaddexp(np.array([1000.0]), np.array([1000.0])).round(4)
    array([1000.6931])
    """
    return np.logaddexp(x, y)


def _share_of(x: Any, y: Any) -> Any:
    """Return exp(x) / (exp(x) + exp(y)), which is ½ for equal infinities."""
    same = multiply(equal(x, y), equal(abs(x), math.inf))
    return sigmoid(subtract(where(same, 0, x), where(same, 0, y)))


@logaddexp.backward("x")
def _(grad, x, y):
    return grad * _share_of(x, y)


@logaddexp.backward("y")
def _(grad, x, y):
    return grad * _share_of(y, x)


@primitive(domain="real")
def square(x: Any) -> Array:
    """Square, `x * x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.square(np.array([2.0, -3.0]))
    array([4., 9.])
    """
    return np.square(x)


@square.backward("x")
def _(grad, x):
    return grad * (2 * x)


@primitive(domain="floating")
def reciprocal(x: Any) -> Array:
    """Reciprocal, `1 / x`; for integers it is floating point, while NumPy's is an integer.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.reciprocal(np.array([2.0, 4.0]))
    array([0.5 , 0.25])
    """
    return np.reciprocal(x)


@reciprocal.backward("x")
def _(grad, out):
    return -(grad * (out * out))
