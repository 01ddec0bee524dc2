"""Trigonometric and hyperbolic functions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.families.elementwise import unary
from autograd_cnn.onnx.families.tables import EXPORTS, IMPORTS, exports
from autograd_cnn.onnx.tracing import Call

_OPERATORS: dict[str, tuple[str, Any]] = {
    "arccos": ("Acos", ops.arccos),
    "arcsin": ("Asin", ops.arcsin),
    "arctan": ("Atan", ops.arctan),
    "cos": ("Cos", ops.cos),
    "cosh": ("Cosh", ops.cosh),
    "sin": ("Sin", ops.sin),
    "sinh": ("Sinh", ops.sinh),
    "tan": ("Tan", ops.tan),
}
EXPORTS |= {name: unary(operator) for name, (operator, _) in _OPERATORS.items()}
IMPORTS |= {operator: lambda _, x, op=op: op(x) for operator, op in _OPERATORS.values()}
# atanh(x) = ½ log((1 + x) / (1 − x)), by log1p so that small numbers keep their digits.
IMPORTS["Atanh"] = lambda _, x: ops.multiply(ops.subtract(ops.log1p(x), ops.log1p(ops.negative(x))), 0.5)


@exports("arctan2")
def _arctan2(g: Builder, c: Call) -> str:
    """Write the angle by the arctangent of the smaller over the larger: its slopes are finite except at the origin."""
    y, x, of = g.cast(c["y"], c.dtype), g.cast(c["x"], c.dtype), functools.partial(g.constant, dtype=c.dtype)
    sizes = g.node("Abs", y), g.node("Abs", x)
    # Two infinities have the same angle as two ones.
    corner = g.node("And", g.node("Equal", *sizes), g.node("Equal", sizes[0], of(np.inf)))
    y, x = (g.node("Where", corner, g.node("Sign", v), v) for v in (y, x))
    steep = g.node("Greater", *sizes)
    over, under = g.node("Where", steep, g.node("Neg", x), y), g.node("Where", steep, y, x)
    under = g.node("Where", g.node("Equal", under, of(0.0)), of(1.0), under)  # at the origin
    angle, (down, left) = g.node("Atan", g.node("Div", over, under)), (_is_negative(g, v, of(0.0)) for v in (y, x))
    quarter, half = (g.node("Where", down, of(-turn), of(turn)) for turn in (np.pi / 2, np.pi))
    turned = g.node("Add", angle, g.node("Where", steep, quarter, half))
    return g.node("Where", g.node("Or", steep, left), turned, angle)


def _is_negative(g: Builder, x: str, zero: str) -> str:
    """Find numbers with a minus sign, −0 included, by their reciprocals."""
    return g.node("Or", g.node("Less", x, zero), g.node("Less", g.node("Reciprocal", x), zero))
