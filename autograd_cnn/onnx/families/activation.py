"""Activation functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.families.elementwise import align, unary
from autograd_cnn.onnx.families.tables import EXPORTS, IMPORTS, Attributes, array, exports, imports
from autograd_cnn.onnx.tracing import Call

EXPORTS |= {
    "erf": unary("Erf"),
    "relu": unary("Relu"),
    "sigmoid": unary("Sigmoid"),
    "softplus": unary("Softplus"),
    "tanh": unary("Tanh"),
}


def _along_axis(operator: str) -> Callable[[Builder, Call], str]:
    def write(g: Builder, c: Call) -> str:
        x = g.cast(c["x"], c.dtype)
        if not c.shape:  # of a single number
            out = g.node(operator, g.node("Unsqueeze", x, g.integers(0)), axis=0)
            return g.node("Squeeze", out, g.integers(0))
        return g.node(operator, x, axis=c["axis"])

    return write


EXPORTS |= {"softmax": _along_axis("Softmax"), "log_softmax": _along_axis("LogSoftmax")}


@exports("leaky_relu")
def _leaky_relu(g: Builder, c: Call) -> str:
    return g.node("LeakyRelu", g.cast(c["x"], c.dtype), alpha=float(c["negative_slope"]))


@exports("elu")
def _elu(g: Builder, c: Call) -> str:
    return g.node("Elu", g.cast(c["x"], c.dtype), alpha=float(c["alpha"]))


IMPORTS |= {name: lambda _, x, op=op: op(x) for name, op in {
    "Erf": ops.erf, "Relu": ops.relu, "Sigmoid": ops.sigmoid, "Softplus": ops.softplus, "Tanh": ops.tanh,
}.items()}  # fmt: skip
IMPORTS |= {
    "LeakyRelu": lambda a, x: ops.leaky_relu(x, a("alpha", 0.01)),
    "Elu": lambda a, x: ops.elu(x, a("alpha", 1.0)),
    "Gelu": lambda a, x: ops.gelu(x, a("approximate", "none")),
    "Softsign": lambda _, x: ops.divide(x, ops.add(1, ops.abs(x))),
}


@imports("PRelu")
def _read_prelu(a: Attributes, x: Any, slope: Any) -> Any:
    slope = align(a, x, slope, 1)
    a.reserve(np.broadcast_shapes(np.shape(x), np.shape(slope)))
    return ops.where(array(x) > 0, x, ops.multiply(x, slope))


@imports("Swish")
def _read_swish(a: Attributes, x: Any) -> Any:
    alpha = a("alpha", 1.0)
    return ops.silu(x) if alpha == 1 else ops.multiply(x, ops.sigmoid(ops.multiply(x, alpha)))


@imports("Selu")
def _read_selu(a: Attributes, x: Any) -> Any:
    alpha, gamma = a("alpha", 1.6732632423543772), a("gamma", 1.0507009873554805)
    return ops.multiply(ops.elu(x, alpha), gamma)


def _read_along_axis(op: Any) -> Any:
    def compute(a: Attributes, x: Any) -> Any:
        axis = a("axis", -1 if a.opset >= 13 else 1)
        if a.opset >= 13:
            return op(x, axis)
        # Before opset 13 all axes from `axis` on count as one.
        return ops.reshape(op(ops.reshape(x, (math.prod(np.shape(x)[:axis]), -1)), 1), np.shape(x))

    return compute


IMPORTS |= {"Softmax": _read_along_axis(ops.softmax), "LogSoftmax": _read_along_axis(ops.log_softmax)}
