"""Arithmetic, comparisons and conversions, one element at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.onnx.batch import Extent
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import Reason, UnsupportedError, require_onnx
from autograd_cnn.onnx.families.tables import EXPORTS, IMPORTS, Attributes, array, exports, imports, one
from autograd_cnn.onnx.tracing import Call

# --- to ONNX ------------------------------------------------------------------------------------------------


def unary(operator: str) -> Callable[[Builder, Call], str]:
    """Return a function that writes an op of one input as one operator."""
    return lambda g, c: g.node(operator, g.cast(c["x"], c.dtype))


def _binary(operator: str) -> Callable[[Builder, Call], str]:
    return lambda g, c: g.node(operator, g.cast(c["x"], c.dtype), g.cast(c["y"], c.dtype))


def _comparison(*operators: str) -> Callable[[Builder, Call], str]:
    def write(g: Builder, c: Call) -> str:
        dtype = np.result_type(g.dtype(c["x"]), g.dtype(c["y"]))
        out = g.node(operators[0], g.cast(c["x"], dtype), g.cast(c["y"], dtype))
        return g.node(operators[1], out) if operators[1:] else out

    return write


EXPORTS |= {
    "abs": unary("Abs"),
    "exp": unary("Exp"),
    "log": unary("Log"),
    "negative": unary("Neg"),
    "reciprocal": unary("Reciprocal"),
    "sign": unary("Sign"),
    "sqrt": unary("Sqrt"),
    "add": _binary("Add"),
    "subtract": _binary("Sub"),
    "multiply": _binary("Mul"),
    "divide": _binary("Div"),
    "power": _binary("Pow"),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "equal": _comparison("Equal"),
    "not_equal": _comparison("Equal", "Not"),
    "less": _comparison("Less"),
    "less_equal": _comparison("LessOrEqual"),
    "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"),
}


def _rounding(operator: str) -> Callable[[Builder, Call], str]:
    """Return a function that writes an op that rounds; integers stay unchanged."""
    return lambda g, c: g.node(operator if c.dtype.kind == "f" else "Identity", g.cast(c["x"], c.dtype))


EXPORTS |= {"floor": _rounding("Floor"), "ceil": _rounding("Ceil")}


@exports("trunc")
def _trunc(g: Builder, c: Call) -> str:
    x = g.cast(c["x"], c.dtype)
    if c.dtype.kind != "f":
        return g.node("Identity", x)
    return g.node("Mul", g.node("Sign", x), g.node("Floor", g.node("Abs", x)))


@exports("round")
def _round(g: Builder, c: Call) -> str:
    x, decimals = g.cast(c["x"], c.dtype), c["decimals"]
    if c.dtype.kind != "f" and decimals >= 0:
        return g.node("Identity", x)
    if c.dtype.kind != "f":
        raise UnsupportedError(Reason.DTYPE)
    if not decimals:
        return g.node("Round", x)
    scale = g.constant(10.0 ** abs(decimals), c.dtype)
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return g.node(back, g.node("Round", g.node(there, x, scale)), scale)


@exports("square")
def _square(g: Builder, c: Call) -> str:
    x = g.cast(c["x"], c.dtype)
    return g.node("Mul", x, x)


@exports("where")
def _where(g: Builder, c: Call) -> str:
    return g.node("Where", g.cast(c["condition"], np.bool_), g.cast(c["x"], c.dtype), g.cast(c["y"], c.dtype))


@exports("clip")
def _clip(g: Builder, c: Call) -> str:
    x, low, high = g.cast(c["x"], c.dtype), c["min"], c["max"]
    if all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        bounds = ["" if bound is None else g.cast(bound, c.dtype) for bound in (low, high)]
        return g.node("Clip", x, *(bounds if bounds[1] else bounds[: bool(bounds[0])]))
    for operator, bound in (("Max", low), ("Min", high)):
        x = x if bound is None else g.node(operator, x, g.cast(bound, c.dtype))
    return x


@exports("astype")
def _astype(g: Builder, c: Call) -> str:
    return g.node("Identity", g.cast(c["x"], c.dtype))


def _remainder(g: Builder, c: Call, dtype: Any) -> str:
    """Return x mod y with the sign of y, as in NumPy."""
    x, y = g.cast(c["x"], dtype), g.cast(c["y"], dtype)
    if dtype.kind != "f":
        return g.node("Mod", x, y)
    rest, zero = g.node("Mod", x, y, fmod=1), g.constant(0, dtype)
    signs = [g.node("Less", v, zero) for v in (rest, y)]
    wrong = g.node("And", g.node("Not", g.node("Equal", rest, zero)), g.node("Xor", *signs))
    return g.node("Where", wrong, g.node("Add", rest, y), rest)


@exports("mod")
def _mod(g: Builder, c: Call) -> str:
    return _remainder(g, c, c.dtype)


@exports("floor_divide")
def _floor_divide(g: Builder, c: Call) -> str:
    whole = g.node("Sub", g.cast(c["x"], c.dtype), _remainder(g, c, c.dtype))
    quotient = g.node("Div", whole, g.cast(c["y"], c.dtype))
    return g.node("Round", quotient) if c.dtype.kind == "f" else quotient


# Near 0, 1 + x and exp(x) − 1 lose digits of x: these forms keep them.


@exports("log1p")
def _log1p(g: Builder, c: Call) -> str:
    x, of = g.cast(c["x"], c.dtype), functools.partial(g.constant, dtype=c.dtype)
    near = g.node("Mul", g.node("Atanh", g.node("Div", x, g.node("Add", x, of(2.0)))), of(2.0))
    far = g.node("Log", g.node("Add", x, of(1.0)))
    return g.node("Where", g.node("Greater", x, of(1.0)), far, near)


@exports("expm1")
def _expm1(g: Builder, c: Call) -> str:
    x, of = g.cast(c["x"], c.dtype), functools.partial(g.constant, dtype=c.dtype)
    half = g.node("Tanh", g.node("Mul", x, of(0.5)))
    return g.node("Mul", half, g.node("Add", g.node("Exp", x), of(1.0)))


def _logarithm(base: float) -> Callable[[Builder, Call], str]:
    return lambda g, c: g.node("Mul", g.node("Log", g.cast(c["x"], c.dtype)), g.constant(1 / np.log(base), c.dtype))


EXPORTS |= {"log2": _logarithm(2.0), "log10": _logarithm(10.0)}


@exports("logaddexp")
def _logaddexp(g: Builder, c: Call) -> str:
    x, y = g.cast(c["x"], c.dtype), g.cast(c["y"], c.dtype)
    rest = g.node("Softplus", g.node("Neg", g.node("Abs", g.node("Sub", x, y))))
    # The difference of two equal infinities is undefined.
    doubled = g.node("Add", x, g.constant(np.log(2.0), c.dtype))
    return g.node("Where", g.node("Equal", x, y), doubled, g.node("Add", g.node("Max", x, y), rest))


# --- from ONNX ----------------------------------------------------------------------------------------------


def align(a: Attributes, x: Any, y: Any, axis: int | None = None) -> Any:
    """Return `y` with its axes aligned with those of `x` from `axis` on, as before opset 7."""
    axis = a("axis", axis)
    if a.opset >= 7 or axis is None or np.size(array(y)) == 1:
        return y
    return ops.reshape(y, np.shape(y) + (1,) * (np.ndim(x) - axis % np.ndim(x) - np.ndim(y)))


def _reserved(a: Attributes, *xs: Any) -> None:
    a.reserve(np.broadcast_shapes(*map(np.shape, xs)))


def _read_binary(op: Any) -> Any:
    def compute(a: Attributes, x: Any, y: Any) -> Any:
        y = align(a, x, y)
        _reserved(a, x, y)
        return op(x, y)

    return compute


def _read_plain(op: Any) -> Any:
    """Return a function that computes logic and integer arithmetic, for a shape or a mask."""

    def compute(a: Attributes, *xs: Any) -> Any:
        _reserved(a, *xs)
        return op(*map(array, xs))

    return compute


def _read_unary(op: Any) -> Any:
    return lambda _, x: op(x)


def _read_several(op: Any) -> Any:
    def compute(a: Attributes, *xs: Any) -> Any:
        _reserved(a, *xs)
        return functools.reduce(op, xs)

    return compute


IMPORTS |= {name: _read_binary(op) for name, op in {
    "Add": ops.add, "Sub": ops.subtract, "Mul": ops.multiply, "Pow": ops.power,
}.items()}  # fmt: skip
IMPORTS |= {name: _read_unary(op) for name, op in {
    "Abs": ops.abs, "Ceil": ops.ceil, "Exp": ops.exp, "Floor": ops.floor, "Log": ops.log, "Neg": ops.negative,
    "Round": ops.round, "Sign": ops.sign, "Sqrt": ops.sqrt,
}.items()}  # fmt: skip
IMPORTS |= {name: _read_plain(op) for name, op in {
    "And": np.logical_and, "Equal": np.equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
    "Less": np.less, "LessOrEqual": np.less_equal, "Not": np.logical_not, "Or": np.logical_or, "Xor": np.logical_xor,
}.items()}  # fmt: skip
IMPORTS |= {
    "Identity": lambda _, x: x,
    "Max": _read_several(ops.maximum),
    "Min": _read_several(ops.minimum),
    "Sum": _read_several(ops.add),
    "Mean": lambda a, *xs: ops.divide(IMPORTS["Sum"](a, *xs), len(xs)),
    "Reciprocal": lambda _, x: ops.divide(1, x),
}


@imports("Where")
def _read_where(a: Attributes, condition: Any, x: Any, y: Any) -> Any:
    _reserved(a, condition, x, y)
    return ops.where(condition, x, y)


@imports("Div")
def _read_divide(a: Attributes, x: Any, y: Any) -> Any:
    _reserved(a, x, align(a, x, y))
    if array(x).dtype.kind in "iu":
        _refuse_zeros(y)
        quotient = np.trunc(np.true_divide(array(x), array(y)))  # of lengths, to compute a shape
        return quotient.astype(array(x).dtype)
    return ops.divide(x, align(a, x, y))


def _refuse_zeros(divisor: Any) -> None:
    if not np.all(array(divisor)):
        raise ValueError("whole numbers are divided by 0")


@imports("Mod")
def _read_mod(a: Attributes, x: Any, y: Any) -> Any:
    _reserved(a, x, y)
    if array(x).dtype.kind != "f":
        _refuse_zeros(y)
        return (np.fmod if a("fmod") else np.mod)(array(x), array(y))
    if not a("fmod"):
        raise ValueError("floating point numbers have the remainder that fmod=1 means; got fmod=0")
    # The remainder of truncated division, which has the sign of x.
    return ops.subtract(x, ops.multiply(y, ops.trunc(ops.divide(x, y))))


@imports("Clip")
def _read_clip(a: Attributes, x: Any, low: Any = None, high: Any = None) -> Any:
    low, high = (one(v) if v is not None else a(name) for v, name in ((low, "min"), (high, "max")))
    return ops.clip(x, low, high)


@imports("Cast", "CastLike")
def _read_cast(a: Attributes, x: Any, like: Any = None) -> Any:
    dtype = require_onnx().helper.tensor_dtype_to_np_dtype(a("to")) if like is None else array(like).dtype
    if dtype.kind not in "iubf" or dtype == np.float16:
        raise UnsupportedError(Reason.DTYPE)
    return ops.astype(x, dtype) if dtype.kind == "f" else array(x).astype(dtype)


def is_static(*values: Any) -> bool:
    """Whether lengths do not depend on the batch size."""
    return not any(isinstance(v, Extent) for v in values)
