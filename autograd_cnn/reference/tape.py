"""The whole idea on one page: reverse-mode differentiation straight from its definition.

A value remembers which values it was computed from, and for each of them a function that maps a gradient of the result
to its part of the gradient of that value. `backward` follows every path from the output to the leaves and adds up what
arrives: the chain rule. `graph.py` does the same, but visits each node once and keeps only what the rules need. Tests
compare the two.

>>> x = Value([1.0, 2.0], wanted=True)
>>> y = OPS["sum"](OPS["multiply"](x, x), axis=0)
>>> backward(y, np.array(1.0))
>>> x.grad
array([2., 4.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Value:
    """An array, the values it was computed from, and for each of them the function that maps gradients back."""

    wanted: bool
    paths: int

    def __init__(self, data: Any, *parents: tuple[Value, Callable[[Any], Any]], wanted: bool = False) -> None:
        self.data = np.array(data, dtype=np.float64)
        self.parents = [(parent, back) for parent, back in parents if parent.wanted]
        self.wanted = wanted or bool(self.parents)
        self.paths = sum(parent.paths for parent, _ in self.parents) or 1
        self.grad: Any = None  # set only for a leaf: a wanted value without parents


def backward(output: Value, gradient: Any) -> None:
    """Send the gradient along every path from the output to a leaf: the chain rule, one product for each path."""
    if not output.parents:
        output.grad = gradient + (0 if output.grad is None else output.grad)
    for parent, back in output.parents:
        backward(parent, back(gradient))


def _fold(grad: Any, x: Value) -> Any:
    """Sum a gradient over the axes along which `x` was broadcast."""
    grad = grad.sum(axis=tuple(range(grad.ndim - x.data.ndim)))
    return grad.sum(axis=tuple(i for i, n in enumerate(x.data.shape) if n == 1), keepdims=True)


def _at(x: Value, index: Any, grad: Any) -> Any:
    out = np.zeros(x.data.shape)
    out[index] = grad
    return out


def _max(x: Value) -> Value:
    first = np.unravel_index(x.data.argmax(), x.data.shape)
    return Value(x.data[first], (x, lambda g: _at(x, first, g)))


OPS: dict[str, Callable[..., Value]] = {
    "add": lambda x, y: Value(x.data + y.data, (x, lambda g: _fold(g, x)), (y, lambda g: _fold(g, y))),
    "subtract": lambda x, y: Value(x.data - y.data, (x, lambda g: _fold(g, x)), (y, lambda g: _fold(-g, y))),
    "multiply": lambda x, y: Value(
        x.data * y.data, (x, lambda g: _fold(g * y.data, x)), (y, lambda g: _fold(g * x.data, y))
    ),
    "divide": lambda x, y: Value(
        x.data / y.data, (x, lambda g: _fold(g / y.data, x)), (y, lambda g: _fold(-g * x.data / y.data**2, y))
    ),
    "matmul": lambda x, y: Value(x.data @ y.data, (x, lambda g: g @ y.data.T), (y, lambda g: x.data.T @ g)),
    "negative": lambda x: Value(-x.data, (x, lambda g: -g)),
    "exp": lambda x: Value(np.exp(x.data), (x, lambda g: g * np.exp(x.data))),
    "tanh": lambda x: Value(np.tanh(x.data), (x, lambda g: g / np.cosh(x.data) ** 2)),
    "sum": lambda x, axis: Value(x.data.sum(axis), (x, lambda g: np.expand_dims(g, axis) + np.zeros(x.data.shape))),
    "max": _max,
    "broadcast_to": lambda x, shape: Value(np.broadcast_to(x.data, shape), (x, lambda g: _fold(g, x))),
    "reshape": lambda x, shape: Value(x.data.reshape(shape), (x, lambda g: g.reshape(x.data.shape))),
    "transpose": lambda x: Value(x.data.T, (x, lambda g: g.T)),
    "getitem": lambda x, index: Value(x.data[index], (x, lambda g: _at(x, index, g))),
}
