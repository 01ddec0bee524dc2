"""NumPy's functions on Tensors: the op that each of them calls.

NumPy lets the type of an argument decide what its functions do: `__array_ufunc__` (NEP 13) for ufuncs,
`__array_function__` (NEP 18) for the others. So a program written with `np.` is recorded and differentiated. A function
without an op raises an error: on the plain array it would lose the gradient silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.ops.numpy_functions import FUNCTIONS, as_dtype, plain, refuse, without_op
from autograd_cnn.variable import Variable

#: Ufuncs that are the same as an op, with the same arguments.
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.absolute: ops.abs,
    np.add: ops.add,
    np.arccos: ops.arccos,
    np.arcsin: ops.arcsin,
    np.arctan2: ops.arctan2,
    np.arctan: ops.arctan,
    np.ceil: ops.ceil,
    np.cos: ops.cos,
    np.cosh: ops.cosh,
    np.divide: ops.divide,
    np.equal: ops.equal,
    np.exp: ops.exp,
    np.expm1: ops.expm1,
    np.floor: ops.floor,
    np.floor_divide: ops.floor_divide,
    np.greater: ops.greater,
    np.greater_equal: ops.greater_equal,
    np.less: ops.less,
    np.less_equal: ops.less_equal,
    np.log10: ops.log10,
    np.log1p: ops.log1p,
    np.log2: ops.log2,
    np.log: ops.log,
    np.logaddexp: ops.logaddexp,
    np.matmul: ops.matmul,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.mod: ops.mod,
    np.multiply: ops.multiply,
    np.negative: ops.negative,
    np.not_equal: ops.not_equal,
    np.power: ops.power,
    np.reciprocal: ops.reciprocal,
    np.sign: ops.sign,
    np.sin: ops.sin,
    np.sinh: ops.sinh,
    np.sqrt: ops.sqrt,
    np.square: ops.square,
    np.subtract: ops.subtract,
    np.tan: ops.tan,
    np.tanh: ops.tanh,
    np.trunc: ops.trunc,
}

#: Ufuncs that are another name of an op, or that are composed of ops in one line.
_COMPOSED_UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.divmod: lambda x, y: (ops.floor_divide(x, y), ops.mod(x, y)),
    np.fabs: ops.abs,
    np.float_power: lambda x, y: ops.power(*_floating(x, y)),
    np.positive: lambda x: x,
    np.rint: ops.round,
}

#: The op that a ufunc's `reduce` calls.
_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: ops.sum,
    np.maximum: ops.max,
    np.minimum: ops.min,
    np.multiply: ops.prod,
}

# Queries: their results have no gradient to lose, and are plain values.
_ASKING_UFUNCS = {
    np.isfinite, np.isinf, np.isnan, np.logical_and, np.logical_not, np.logical_or, np.logical_xor, np.signbit,
}  # fmt: skip
_ASKING = {
    np.all, np.allclose, np.any, np.argmax, np.argmin, np.argpartition, np.argsort, np.argwhere, np.array2string,
    np.array_equal, np.array_equiv, np.array_repr, np.array_str, np.can_cast, np.count_nonzero, np.digitize,
    np.empty_like, np.flatnonzero, np.isclose, np.iscomplex, np.iscomplexobj, np.isin, np.isneginf, np.isposinf,
    np.isreal, np.isrealobj, np.lexsort, np.may_share_memory, np.nanargmax, np.nanargmin, np.ndim, np.nonzero,
    np.ones_like, np.result_type, np.searchsorted, np.shape, np.shares_memory, np.size, np.zeros_like,
}  # fmt: skip


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call the op that corresponds to a ufunc.

    Raises
    ------
    TypeError
        If no op corresponds to the ufunc, its method or an option.
    """
    if method == "__call__" and not options and ufunc in UFUNCS:
        return UFUNCS[ufunc](*inputs)
    name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    given = dict(options)
    if ufunc in _ASKING_UFUNCS and method != "at":
        _refuse_to_write(name, given.get("out"))
        return getattr(ufunc, method)(*plain(tuple(inputs)), **{key: plain(value) for key, value in given.items()})
    op = UFUNCS.get(ufunc) or _COMPOSED_UFUNCS.get(ufunc)
    if method == "reduce" and ufunc in _REDUCTIONS:
        x, *places = inputs
        given = dict(zip(("axis", "dtype", "out", "keepdims", "initial", "where"), places, strict=False)) | given
        axis, keepdims, dtype = given.pop("axis", 0), given.pop("keepdims", False), given.pop("dtype", None)
        refuse(name, **given)
        return _REDUCTIONS[ufunc](as_dtype(x, dtype), axis, keepdims)
    if op is None or method != "__call__":
        raise without_op(name)
    dtype = given.pop("dtype", None)
    refuse(name, **given)
    return op(*[as_dtype(x, dtype) for x in inputs])


def call_function(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call the op that corresponds to one of NumPy's functions.

    Raises
    ------
    TypeError
        If no op corresponds to the function or an option.
    """
    if function in _ASKING:
        name = f"np.{function.__name__}"
        _refuse_to_write(name, kwargs.get("out"))
        if function in (np.isneginf, np.isposinf):  # these take `out` by position
            _refuse_to_write(name, args[1:])
        return function(*plain(args), **{name: plain(value) for name, value in kwargs.items()})
    if function not in FUNCTIONS:
        module = function.__module__.replace("numpy", "np", 1)
        raise without_op(f"{module}.{function.__name__}")
    return FUNCTIONS[function](*args, **kwargs)


def names() -> dict[str, list[str]]:
    """Return, for each op, the names of the NumPy functions that call it."""
    found: dict[str, list[str]] = {}
    for ufunc, op in UFUNCS.items():
        found.setdefault(op.__name__, []).append(f"np.{ufunc.__name__}")
    for function, adapter in FUNCTIONS.items():
        module = function.__module__.replace("numpy", "np", 1)
        found.setdefault(adapter.__name__, []).append(f"{module}.{function.__name__}")
    for function in (np.argmax, np.argmin, np.argsort):
        found[function.__name__] = [f"np.{function.__name__}"]
    return found


def _refuse_to_write(name: str, out: Any) -> None:
    """Raise TypeError if `out` is a Tensor; queries may write to an array."""
    if any(isinstance(x, Variable) for x in (out if isinstance(out, tuple) else (out,))):
        refuse(name, out=out)


def _floating(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two operands, the first converted to float32 if neither is a floating point array."""
    floating = any(v.dtype.kind == "f" for v in (x, y) if hasattr(v, "dtype"))
    return x if floating else ops.astype(x, np.float32), y
