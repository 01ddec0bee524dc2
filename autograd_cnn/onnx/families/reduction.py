"""Sums, means, extremes and norms over axes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn import ops
from autograd_cnn.onnx.batch import Extent, count
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError
from autograd_cnn.onnx.families.tables import EXPORTS, IMPORTS, Attributes, array, exports, integers, one
from autograd_cnn.onnx.tracing import Call

# --- to ONNX ------------------------------------------------------------------------------------------------


def axes_of(ndim: int, axis: Any) -> tuple[int, ...]:
    """Return the axes that an op reduces, as numbers from 0 on."""
    if axis is None:
        return tuple(range(ndim))
    return normalize_axis_tuple(axis, ndim) if ndim else ()


def reduced(g: Builder, operator: str, x: str, axes: tuple[int, ...], keepdims: bool) -> str:
    """Add a node that reduces some axes; without axes it leaves x unchanged."""
    if not axes:
        return g.node("Identity", x)
    return g.node(operator, x, g.integers(*axes), keepdims=int(keepdims))


def _reduction(operator: str) -> Callable[[Builder, Call], str]:
    def write(g: Builder, c: Call) -> str:
        return reduced(g, operator, g.cast(c["x"], c.dtype), axes_of(len(g.shape(c["x"])), c["axis"]), c["keepdims"])

    return write


EXPORTS |= {
    "sum": _reduction("ReduceSum"),
    "mean": _reduction("ReduceMean"),
    "max": _reduction("ReduceMax"),
    "min": _reduction("ReduceMin"),
    "largest": _reduction("ReduceMax"),
    "prod": _reduction("ReduceProd"),
    "logsumexp": _reduction("ReduceLogSumExp"),
}


@exports("var", "std")
def _variance(g: Builder, c: Call) -> str:
    x, shape = g.cast(c["x"], c.dtype), g.shape(c["x"])
    axes = axes_of(len(shape), c["axis"])
    centered = g.node("Sub", x, reduced(g, "ReduceMean", x, axes, True))
    out = reduced(g, "ReduceMean", g.node("Mul", centered, centered), axes, c["keepdims"])
    if c["ddof"]:
        values = g.cast(count([shape[i] for i in axes]), c.dtype)
        freedom = g.node("Sub", values, g.constant(c["ddof"], c.dtype))
        out = g.node("Div", g.node("Mul", out, values), freedom)
    return g.node("Sqrt", out) if c.op == "std" else out


@exports("p_norm")
def _p_norm(g: Builder, c: Call) -> str:
    x, p = g.cast(c["x"], c.dtype), c["p"]
    axes = axes_of(len(g.shape(c["x"])), c["axis"])
    if p in (1, 2) and axes:
        return reduced(g, f"ReduceL{p:.0f}", x, axes, c["keepdims"])
    powers = g.node("Pow", g.node("Abs", x), g.constant(p, c.dtype))
    return g.node("Pow", reduced(g, "ReduceSum", powers, axes, c["keepdims"]), g.constant(1 / p, c.dtype))


@exports("cumsum")
def _cumsum(g: Builder, c: Call) -> str:
    x, axis = g.cast(c["x"], c.dtype), c["axis"]
    if axis is None:
        x, axis = g.node("Reshape", x, g.integers(-1)), 0
    return g.node("CumSum", x, g.constant(axis, np.int64))


@exports("cumprod")
def _cumprod(g: Builder, c: Call) -> str:
    """Write a running product, which ONNX lacks: each round doubles how many factors every product has."""
    x, axis = g.cast(c["x"], c.dtype), c["axis"]
    if axis is None or not len(g.shape(c["x"])):
        x, axis = g.node("Reshape", x, g.integers(-1)), 0
    length = c.shape[axis]
    if isinstance(length, Extent):
        raise OnnxError("a running product along the batch has more steps the longer it is; pass dynamic_batch=False")
    along = g.integers(axis % len(c.shape))
    for reach in (1 << i for i in range(max(length - 1, 0).bit_length())):
        earlier = g.node("Slice", x, g.integers(0), g.integers(length - reach), along)
        x = g.node("Mul", x, g.node("Pad", earlier, g.integers(reach, 0), g.constant(1, c.dtype), along))
    return g.node("Identity", x)


@exports("argmax", "argmin")
def _extreme(g: Builder, c: Call) -> str:
    x, operator = g.cast(c["x"]), "ArgMax" if c.op == "argmax" else "ArgMin"
    if c["axis"] is not None and c.given["x"] is not None and len(g.shape(c["x"])):
        return g.node(operator, x, axis=c["axis"], keepdims=int(c["keepdims"]))
    flat = g.node(operator, g.node("Reshape", x, g.integers(-1)), axis=0, keepdims=0)
    return g.reshape(flat, c.shape)


# --- from ONNX ----------------------------------------------------------------------------------------------


def _read(reduce: Callable[..., Any], a: Attributes, x: Any, axes: Any = None) -> Any:
    axes = integers(a("axes") if axes is None else axes)
    if not axes and a("noop_with_empty_axes"):
        return x
    axes = axes or tuple(range(np.ndim(x)))
    if reduce in (ops.max, ops.min) and 0 in (np.shape(x)[axis] for axis in axes):
        raise UnsupportedError(Reason.EMPTY)
    return reduce(x, axes, bool(a("keepdims", 1)))


for _name, _op in {
    "ReduceSum": ops.sum,
    "ReduceMean": ops.mean,
    "ReduceMax": ops.max,
    "ReduceMin": ops.min,
    "ReduceLogSumExp": ops.logsumexp,
}.items():
    IMPORTS[_name] = functools.partial(_read, _op)


def _read_composed(before: Any, after: Any) -> Any:
    """Return a function that applies `before`, sums over axes, and applies `after` to the sum."""

    def compute(a: Attributes, x: Any, axes: Any = None) -> Any:
        axes = integers(a("axes") if axes is None else axes)
        total = before(x) if not axes and a("noop_with_empty_axes") else _read(ops.sum, a, before(x), axes)
        return total if after is None else after(total)

    return compute


IMPORTS |= {
    "ReduceL1": _read_composed(ops.abs, None),
    "ReduceL2": _read_composed(lambda x: ops.multiply(x, x), ops.sqrt),
    "ReduceSumSquare": _read_composed(lambda x: ops.multiply(x, x), None),
    "ReduceLogSum": _read_composed(lambda x: x, ops.log),
    "ReduceProd": functools.partial(_read, ops.prod),
}


def _read_cumsum(a: Attributes, x: Any, axis: Any) -> Any:
    along = int(one(axis))
    if a("exclusive") or a("reverse"):
        raise UnsupportedError(Reason.OPERATOR)
    return ops.cumsum(x, along)


def _read_extreme(op: Any) -> Any:
    def compute(a: Attributes, x: Any) -> Any:
        if a("select_last_index"):
            raise UnsupportedError(Reason.OPERATOR)
        return array(op(x, a("axis", 0), bool(a("keepdims", 1)))).astype(np.int64)

    return compute


IMPORTS |= {"CumSum": _read_cumsum, "ArgMax": _read_extreme(ops.argmax), "ArgMin": _read_extreme(ops.argmin)}
