"""Rounding, and division with a remainder."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


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
    return -grad * floor_divide(x, y)
