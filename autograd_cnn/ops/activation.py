"""Activation functions."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.comparison import greater, where
from autograd_cnn.ops.elementwise import astype, exp, multiply
from autograd_cnn.ops.reduction import sum
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


@primitive(domain="real")
def relu(x: Any) -> Array:
    """Rectified linear unit, max(x, 0). The slope is 0 at 0, and 1 at nan as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return kernels.relu(x) if isinstance(x, np.ndarray) else np.maximum(x, 0)


@relu.backward("x")
def _(grad, out):
    return relu_grad(grad, out)


@primitive(constant_in=("result",))
def relu_grad(cotangent: Any, result: Any) -> Array:
    """Gradient of `relu`: `cotangent` where the `result` of relu is not 0."""
    return kernels.relu_grad(cotangent, result)


@relu_grad.backward("cotangent")
def _(grad, result):
    return relu_grad(grad, result)


@primitive(domain="floating")
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Array:
    """`x` where it is positive, else `negative_slope` · x; the slope at 0 is `negative_slope`.

    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.leaky_relu(np.array([-1.0, 0.0, 2.0]), 0.1)
    array([-0.1,  0. ,  2. ])
    """
    return np.where(x > 0, x, x * checks.number("leaky_relu", "negative_slope", negative_slope))


@leaky_relu.backward("x")
def _(grad, x, negative_slope):
    return where(greater(x, 0), grad, grad * float(negative_slope))


@primitive(domain="floating")
def elu(x: Any, alpha: float = 1.0) -> Array:
    """Exponential linear unit: `x` where it is positive, else alpha · (exp(x) − 1).

    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    2016. The slope at 0 is `alpha`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.elu(np.array([-1.0, 0.0, 2.0])).round(3)
    array([-0.632,  0.   ,  2.   ])
    """
    return np.where(x > 0, x, checks.number("elu", "alpha", alpha) * np.expm1(np.minimum(x, 0)))


@elu.backward("x")
def _(grad, x, alpha):
    positive = greater(x, 0)
    return grad * where(positive, 1, float(alpha) * exp(where(positive, 0, x)))


@primitive(domain="floating")
def sigmoid(x: Any) -> Array:
    """Logistic function, 1 / (1 + exp(−x)), accurate in both tails.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay).astype(decay.dtype, copy=False) / (1 + decay)


@sigmoid.backward("x")
def _(grad, out):
    return grad * (out * (1 - out))


@primitive(domain="floating")
def tanh(x: Any) -> Array:
    """Hyperbolic tangent.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tanh(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-1.    ,  0.    ,  0.7616])
    """
    return np.tanh(x)


@tanh.backward("x")
def _(grad, out):
    return grad * (1 - out * out)


@primitive(domain="floating")
def softplus(x: Any) -> Array:
    """Smooth relu, log(1 + exp(x)), accurate in both tails.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.softplus(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """
    return np.logaddexp(x, 0)


@softplus.backward("x")
def _(grad, x):
    return grad * sigmoid(x)


@functools.cache
def _erf_series() -> np.polynomial.Chebyshev:
    """Return a polynomial for erf from 0 to 6, within 2e-14; from 6 on erf rounds to 1."""
    return np.polynomial.Chebyshev.interpolate(np.vectorize(math.erf), 40, domain=[0, 6])


@primitive(domain="floating")
def erf(x: Any) -> Array:
    """Error function, 2/√π · ∫ exp(−t²) dt from 0 to `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.erf(np.array([-1.0, 0.5, 1.0])).round(4)
    array([-0.8427,  0.5205,  0.8427])
    """
    size = np.abs(x)
    return (np.sign(x) * np.where(size < 6, _erf_series()(np.minimum(size, 6)), 1)).astype(x.dtype, copy=False)


@erf.backward("x")
def _(grad, x):
    return grad * (exp(-(x * x)) * (2 / math.sqrt(math.pi)))


@named
def silu(x: Any) -> Any:
    """Sigmoid linear unit, x · sigmoid(x), also known as swish; Elfwing, Uchibe and Doya, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.silu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    x = operand("silu", "x", x)
    return multiply(x, sigmoid(x))


@named
def gelu(x: Any, approximate: str = "none") -> Any:
    """Gaussian error linear unit, x · Φ(x), with Φ the normal distribution function.

    Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Parameters
    ----------
    x : array or Tensor
    approximate : {"none", "tanh"}
        With "tanh", Φ(x) is approximated by ½·(1 + tanh(√(2/π)·(x + 0.044715·x³))).

    Raises
    ------
    ValueError
        If `approximate` is anything else.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    x = operand("gelu", "x", x)
    if x.dtype.kind != "f":
        x = astype(x, np.float32)
    if approximate == "tanh":
        return x * (0.5 * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))
    if approximate != "none":
        raise ValueError(f"gelu: approximate is 'none' or 'tanh'; got {approximate!r}")
    return x * (0.5 * (1 + erf(x * math.sqrt(0.5))))


def _peak(x: Any, axis: int) -> Array:
    """Return the maximum along an axis; for an empty array, which has none, an array of its shape."""
    return (np.maximum if x.size else np.add).reduce(x, axis, keepdims=True)


@primitive(domain="floating")
def softmax(x: Any, axis: int = -1) -> Array:
    """Exponentials divided by their sum along `axis`; the maximum is subtracted first, so nothing overflows.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    powers = np.exp(x - _peak(x, axis))
    powers /= kernels.sum(powers, axis, True)
    return powers


@softmax.backward("x")
def _(grad, out, axis):
    return out * (grad - sum(grad * out, axis, True))


@primitive(domain="floating")
def log_softmax(x: Any, axis: int = -1) -> Array:
    """Logarithm of the softmax along `axis`, accurate even where the softmax itself underflows to 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])
    """
    shifted = x - _peak(x, axis)
    if not shifted.size:
        return shifted
    return shifted - np.log(kernels.sum(np.exp(shifted), axis, True))


@log_softmax.backward("x")
def _(grad, out, axis):
    return grad - exp(out) * sum(grad, axis, True)
