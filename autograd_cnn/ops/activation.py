"""Activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.graph import Array
from autograd_cnn.ops.elementwise import exp
from autograd_cnn.ops.reduction import sum
from autograd_cnn.primitive import primitive


@primitive
def relu(x: Any) -> Array:
    """Rectified linear unit, max(x, 0); the slope at 0 is 0."""
    return np.maximum(x, 0)


@relu.backward("x")
def _(grad, out):
    return grad * (out > 0)


@primitive
def sigmoid(x: Any) -> Array:
    """Logistic function, 1 / (1 + exp(−x)), exact in both tails."""
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay).astype(decay.dtype, copy=False) / (1 + decay)


@sigmoid.backward("x")
def _(grad, out):
    return grad * (out * (1 - out))


@primitive
def tanh(x: Any) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x)


@tanh.backward("x")
def _(grad, out):
    return grad * (1 - out * out)


@primitive
def softmax(x: Any, axis: int = -1) -> Array:
    """Exponentials along `axis`, divided by their sum; the maximum is subtracted first."""
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    powers /= np.sum(powers, axis=axis, keepdims=True)
    return powers


@softmax.backward("x")
def _(grad, out, axis):
    return out * (grad - sum(grad * out, axis, True))


@primitive
def log_softmax(x: Any, axis: int = -1) -> Array:
    """Logarithm of the softmax along `axis`, exact where the softmax itself would be 0."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@log_softmax.backward("x")
def _(grad, out, axis):
    return grad - exp(out) * sum(grad, axis, True)
