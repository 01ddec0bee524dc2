"""Trigonometric and hyperbolic functions, one element at a time, in radians."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.ops.comparison import equal, where
from autograd_cnn.ops.elementwise import sqrt
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(domain="floating")
def sin(x: Any) -> Array:
    """Sine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sin(np.array([0.0, np.pi / 2]))
    array([0., 1.])
    """
    return np.sin(x)


@sin.backward("x")
def _(grad, x):
    return grad * cos(x)


@primitive(domain="floating")
def cos(x: Any) -> Array:
    """Cosine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cos(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    return np.cos(x)


@cos.backward("x")
def _(grad, x):
    return -(grad * sin(x))


@primitive(domain="floating")
def tan(x: Any) -> Array:
    """Tangent.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tan(np.array([0.0, np.pi / 4])).round(4)
    array([0., 1.])
    """
    return np.tan(x)


@tan.backward("x")
def _(grad, out):
    return grad * (1 + out * out)


@primitive(domain="floating")
def arcsin(x: Any) -> Array:
    """Inverse sine, from −π/2 to π/2; outside [−1, 1] it is nan, and at the ends the slope is ∞.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.arcsin(np.array([0.0, 1.0])).round(4)
    array([0.    , 1.5708])
    """
    return np.arcsin(x)


@arcsin.backward("x")
def _(grad, x):
    return grad / sqrt((1 - x) * (1 + x))  # 1 − x² would cancel near 1


@primitive(domain="floating")
def arccos(x: Any) -> Array:
    """Inverse cosine, from 0 to π; outside [−1, 1] it is nan, and at the ends the slope is −∞.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.arccos(np.array([1.0, 0.0])).round(4)
    array([0.    , 1.5708])
    """
    return np.arccos(x)


@arccos.backward("x")
def _(grad, x):
    return -(grad / sqrt((1 - x) * (1 + x)))


@primitive(domain="floating")
def arctan(x: Any) -> Array:
    """Inverse tangent, from −π/2 to π/2.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.arctan(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7854])
    """
    return np.arctan(x)


@arctan.backward("x")
def _(grad, x):
    return grad / (1 + x * x)


@primitive(domain="floating", numbers=True)
def arctan2(y: Any, x: Any) -> Array:
    """Angle from −π to π of the point (`x`, `y`), with broadcasting; the first argument is `y`, as in NumPy.

    At the origin the angle has no slope, and both gradients are 0, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.arctan2(np.array(1.0), np.array(1.0))) == np.pi / 4
    True
    """
    return np.arctan2(y, x)


def _over_square(x: Any, y: Any) -> Any:
    """Return 1 / (x² + y²), and 0 at the origin."""
    square = x * x + y * y
    origin = equal(square, 0)
    return where(origin, 0, 1 / where(origin, 1, square))


@arctan2.backward("y")
def _(grad, y, x):
    return grad * (x * _over_square(x, y))


@arctan2.backward("x")
def _(grad, y, x):
    return -(grad * (y * _over_square(x, y)))


@primitive(domain="floating")
def sinh(x: Any) -> Array:
    """Hyperbolic sine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sinh(np.array([0.0, 1.0])).round(4)
    array([0.    , 1.1752])
    """
    return np.sinh(x)


@sinh.backward("x")
def _(grad, x):
    return grad * cosh(x)


@primitive(domain="floating")
def cosh(x: Any) -> Array:
    """Hyperbolic cosine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cosh(np.array([0.0, 1.0])).round(4)
    array([1.    , 1.5431])
    """
    return np.cosh(x)


@cosh.backward("x")
def _(grad, x):
    return grad * sinh(x)
