"""Matrix products."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.onnx.batch import Length
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError
from autograd_cnn.onnx.families.tables import Attributes, exports, imports
from autograd_cnn.onnx.tracing import Call

# --- to ONNX ------------------------------------------------------------------------------------------------


@exports("matmul")
def _matmul(g: Builder, c: Call) -> str:
    return g.node("MatMul", g.cast(c["x"], c.dtype), g.cast(c["y"], c.dtype))


@exports("linear")
def _linear(g: Builder, c: Call) -> str:
    x, weight = g.cast(c["x"], c.dtype), g.cast(c["weight"], c.dtype)
    bias = None if c["bias"] is None else g.cast(c["bias"], c.dtype)
    if len(c.shape) == 2:
        return g.node("Gemm", x, weight, *([] if bias is None else [bias]), transB=1)
    product = g.node("MatMul", x, g.node("Transpose", weight, perm=[1, 0]))
    return product if bias is None else g.node("Add", product, bias)


@exports("einsum")
def _einsum(g: Builder, c: Call) -> str:
    terms = c["subscripts"].partition("->")[0].split(",")
    lengths: dict[str, Length] = {}
    for term, x in zip(terms, c["operands"], strict=True):
        lengths |= {letter: n for letter, n in zip(term, g.shape(x), strict=True) if n != 1 or letter not in lengths}
    # ONNX has no broadcasting of axes of length one here.
    whole = [tuple(lengths[letter] for letter in term) for term in terms]
    operands = [g.expand(x, shape, c.dtype) for x, shape in zip(c["operands"], whole, strict=True)]
    return g.node("Einsum", *operands, equation=c["subscripts"])


@exports("det")
def _det(g: Builder, c: Call) -> str:
    return g.node("Det", g.cast(c["a"], c.dtype))


#: For matrices with more rows, even of elements of at most 1, a float32 determinant might overflow (Hadamard's bound).
_LARGEST = 32


@exports("slogdet")
def _slogdet(g: Builder, c: Call) -> str:
    """Write the logarithm as that of the determinant with rows scaled to at most 1, plus those of the scales."""
    a, (rows, _), of = g.cast(c["a"], c.dtype), g.shape(c["a"])[-2:], functools.partial(g.constant, dtype=c.dtype)
    if not isinstance(rows, int) or rows > _LARGEST:
        raise OnnxError(f"ONNX has the determinant alone, which overflows beyond {_LARGEST} rows; got {rows}")
    if not rows:
        raise UnsupportedError(Reason.EMPTY)
    scale = g.node("ReduceMax", g.node("Abs", a), g.integers(-1), keepdims=1)
    scale = g.node("Where", g.node("Equal", scale, of(0.0)), of(1.0), scale)
    determinant = g.node("Det", g.node("Div", a, scale))
    scales = g.node("ReduceSum", g.node("Log", scale), g.integers(-1, -2), keepdims=0)
    logarithm = g.node("Add", g.node("Log", g.node("Abs", determinant)), scales)
    both = [g.node("Unsqueeze", v, g.integers(0)) for v in (g.node("Sign", determinant), logarithm)]
    return g.node("Concat", *both, axis=0)


# --- from ONNX ----------------------------------------------------------------------------------------------


@imports("MatMul")
def _read_matmul(a: Attributes, x: Any, y: Any) -> Any:
    if np.ndim(x) > 1 and np.ndim(y) > 1:
        a.reserve((*np.broadcast_shapes(np.shape(x)[:-2], np.shape(y)[:-2]), np.shape(x)[-2], np.shape(y)[-1]))
    return ops.matmul(x, y)


@imports("Einsum")
def _read_einsum(a: Attributes, *xs: Any) -> Any:
    inputs, _, output = a("equation").replace(" ", "").partition("->")
    lengths = {letter: n for term, x in zip(inputs.split(","), xs, strict=True) if "." not in term
               for letter, n in zip(term, np.shape(x), strict=True)}  # fmt: skip
    a.reserve([lengths.get(letter, 1) for letter in output])
    return ops.einsum(a("equation"), *xs)


@imports("Gemm")
def _read_gemm(a: Attributes, x: Any, y: Any, z: Any = None) -> Any:
    alpha, beta = a("alpha", 1.0), a("beta", 1.0)
    if not np.ndim(x) == np.ndim(y) == 2:
        raise ValueError(f"expected two matrices; got shapes {np.shape(x)} and {np.shape(y)}")
    a.reserve((np.shape(x)[1 if a("transA") else 0], np.shape(y)[0 if a("transB") else 1]))
    if a("transB") and not a("transA") and alpha == beta == 1 and (z is None or np.shape(z) == np.shape(y)[:1]):
        return ops.linear(x, y, z)
    out = ops.matmul(ops.transpose(x) if a("transA") else x, ops.transpose(y) if a("transB") else y)
    out = out if alpha == 1 else ops.multiply(out, alpha)
    return out if z is None else ops.add(out, z if beta == 1 else ops.multiply(z, beta))


@imports("Det")
def _read_det(_: Attributes, x: Any) -> Any:
    return ops.linalg.det(x)
