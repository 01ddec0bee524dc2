"""Trigonometric and hyperbolic functions."""

from __future__ import annotations

from typing import Any

from autograd_cnn import ops
from autograd_cnn.onnx.families.elementwise import unary
from autograd_cnn.onnx.families.tables import EXPORTS, IMPORTS

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
