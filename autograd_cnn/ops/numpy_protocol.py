"""NumPy's functions on Tensors: the op that each of them calls.

NumPy lets the type of an argument decide what its functions do: `__array_ufunc__` (NEP 13) for ufuncs,
`__array_function__` (NEP 18) for the others. So a program written with `np.` is recorded and differentiated. A function
without an op raises an error: on the plain array it would lose the gradient silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn import ops
from autograd_cnn.graph import Variable

#: Ufuncs that are the same as an op, with the same arguments.
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.absolute: ops.abs,
    np.add: ops.add,
    np.ceil: ops.ceil,
    np.divide: ops.divide,
    np.equal: ops.equal,
    np.exp: ops.exp,
    np.floor: ops.floor,
    np.floor_divide: ops.floor_divide,
    np.greater: ops.greater,
    np.greater_equal: ops.greater_equal,
    np.less: ops.less,
    np.less_equal: ops.less_equal,
    np.log: ops.log,
    np.matmul: ops.matmul,
    np.maximum: ops.maximum,
    np.minimum: ops.minimum,
    np.mod: ops.mod,
    np.multiply: ops.multiply,
    np.negative: ops.negative,
    np.not_equal: ops.not_equal,
    np.power: ops.power,
    np.sign: ops.sign,
    np.sqrt: ops.sqrt,
    np.subtract: ops.subtract,
    np.tanh: ops.tanh,
    np.trunc: ops.trunc,
}

#: Ufuncs that are another name of an op, or that are composed of ops in one line.
_COMPOSED_UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.divmod: lambda x, y: (ops.floor_divide(x, y), ops.mod(x, y)),
    np.fabs: ops.abs,
    np.float_power: lambda x, y: ops.power(*_floating(x, y)),
    np.positive: lambda x: x,
    np.reciprocal: lambda x: ops.divide(1, x),
    np.rint: ops.round,
    np.square: lambda x: ops.multiply(x, x),
}

#: The op that the `reduce` of a ufunc calls.
_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {np.add: ops.sum, np.maximum: ops.max, np.minimum: ops.min}

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

#: The other functions: each adapter takes NumPy's arguments and calls the op.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}

_DEFAULT: Any = np._NoValue


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call the op that corresponds to a ufunc.

    Raises
    ------
    TypeError
        If no op corresponds to the ufunc, its method or an option.
    """
    name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    given = dict(options)
    if ufunc in _ASKING_UFUNCS and method != "at":
        _refuse_to_write(name, given.get("out"))
        return getattr(ufunc, method)(*_plain(tuple(inputs)), **{key: _plain(value) for key, value in given.items()})
    op = UFUNCS.get(ufunc) or _COMPOSED_UFUNCS.get(ufunc)
    if method == "reduce" and ufunc in _REDUCTIONS:
        x, *places = inputs
        given = dict(zip(("axis", "dtype", "out", "keepdims", "initial", "where"), places, strict=False)) | given
        axis, keepdims, dtype = given.pop("axis", 0), given.pop("keepdims", False), given.pop("dtype", None)
        _refuse(name, **given)
        return _REDUCTIONS[ufunc](_as(x, dtype), axis, keepdims)
    if op is None or method != "__call__":
        raise _without_op(name)
    dtype = given.pop("dtype", None)
    _refuse(name, **given)
    return op(*[_as(x, dtype) for x in inputs])


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
        return function(*_plain(args), **{name: _plain(value) for name, value in kwargs.items()})
    if function not in FUNCTIONS:
        module = function.__module__.replace("numpy", "np", 1)
        raise _without_op(f"{module}.{function.__name__}")
    return FUNCTIONS[function](*args, **kwargs)


def names() -> dict[str, list[str]]:
    """Return, for each op, the names of the NumPy functions that call it."""
    found: dict[str, list[str]] = {}
    for ufunc, op in UFUNCS.items():
        found.setdefault(op.__name__, []).append(f"np.{ufunc.__name__}")
    for function, adapter in FUNCTIONS.items():
        module = function.__module__.replace("numpy", "np", 1)
        found.setdefault(adapter.__name__, []).append(f"{module}.{function.__name__}")
    return found


def _without_op(name: str) -> TypeError:
    return TypeError(
        f"{name} of a Tensor has no op in autograd_cnn, and on the plain array its gradient would be lost. Write it "
        "with the ops in autograd_cnn.ops.__all__, make it an op with @autograd_cnn.primitive, or take the plain "
        "value first, with .data"
    )


#: Default values of options, other than None.
_USUAL = {"where": (True,), "subok": (True,), "casting": ("same_kind",), "order": ("K", "C"), "mode": ("raise",)}


def _refuse(name: str, **options: Any) -> None:
    """Raise TypeError for options that were given but that no op has."""
    for option, value in options.items():
        if value is None or value is _DEFAULT or (isinstance(value, str | bool) and value in _USUAL.get(option, ())):
            continue
        raise TypeError(
            f"{name} of a Tensor takes no {option}={'…' if option == 'out' else repr(value)}: "
            + ("its result is a new Tensor; write `t = …` instead" if option == "out" else "leave it out")
        )


def _refuse_to_write(name: str, out: Any) -> None:
    """Raise TypeError if `out` is a Tensor; queries may write to an array."""
    if any(isinstance(x, Variable) for x in (out if isinstance(out, tuple) else (out,))):
        _refuse(name, out=out)


def _floating(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two operands, the first converted to float32 if neither is a floating point array."""
    floating = any(v.dtype.kind == "f" for v in (x, y) if hasattr(v, "dtype"))
    return x if floating else ops.astype(x, np.float32), y


def _as(x: Any, dtype: Any) -> Any:
    return x if dtype is None or dtype is _DEFAULT else ops.astype(x, dtype)


def _plain(value: Any) -> Any:
    """Replace Tensors, at any depth of lists, by read-only views of their arrays."""
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    if not isinstance(value, Variable):
        return value
    array = value._data.view()
    array.flags.writeable = False
    return array


def _is(function: Any, op: Any = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an adapter for one of NumPy's functions, named after its op if there is one."""

    def enter(adapter: Callable[..., Any]) -> Callable[..., Any]:
        adapter.__name__ = adapter.__name__ if op is None else op.__name__
        FUNCTIONS[function] = adapter
        return adapter

    return enter


for _function, _op in {
    np.broadcast_to: ops.broadcast_to,
    np.expand_dims: ops.expand_dims,
    np.squeeze: ops.squeeze,
    np.transpose: ops.transpose,
}.items():

    def _same(*args: Any, _op: Any = _op, **kwargs: Any) -> Any:
        return _op(*args, **{{"a": "x", "array": "x"}.get(name, name): value for name, value in kwargs.items()})

    _is(_function, _op)(_same)


def _reduction(function: Any, op: Any) -> None:
    @_is(function, op)
    def reduce(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **others: Any
    ) -> Any:
        _refuse(f"np.{function.__name__}", out=out, **others)
        return op(_as(a, dtype), axis, keepdims is not _DEFAULT and keepdims)


def _extreme(function: Any, op: Any) -> None:
    @_is(function, op)
    def reduce(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **others: Any) -> Any:
        _refuse(f"np.{function.__name__}", out=out, **others)
        return op(a, axis, keepdims is not _DEFAULT and keepdims)


for _function, _op in {np.sum: ops.sum, np.mean: ops.mean}.items():
    _reduction(_function, _op)
for _function, _op in {np.max: ops.max, np.amax: ops.max, np.min: ops.min, np.amin: ops.min}.items():
    _extreme(_function, _op)


@_is(np.var, ops.var)
def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, **others: Any
) -> Any:
    ddof = others.pop("correction", ddof)
    _refuse("np.var", out=out, **others)
    return ops.var(_as(a, dtype), axis, ddof, keepdims is not _DEFAULT and keepdims)


@_is(np.reshape, ops.reshape)
def _reshape(a: Any, shape: Any = None, order: str = "C", *, copy: Any = None) -> Any:
    _refuse("np.reshape", order=order, copy=copy)
    return ops.reshape(a, shape)


@_is(np.ravel)
def _ravel(a: Any, order: str = "C") -> Any:
    _refuse("np.ravel", order=order)
    return ops.reshape(a, -1)


@_is(np.concatenate, ops.concatenate)
def _concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    _refuse("np.concatenate", out=out, casting=casting)
    arrays = [_as(x, dtype) for x in arrays]
    if axis is None:
        return ops.concatenate([ops.reshape(x, -1) for x in arrays])
    return ops.concatenate(arrays, axis)


@_is(np.stack, ops.stack)
def _stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    _refuse("np.stack", out=out, casting=casting)
    return ops.stack([_as(x, dtype) for x in arrays], axis)


@_is(np.split, ops.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return ops.split(ary, indices_or_sections, axis)


@_is(np.where, ops.where)
def _where(condition: Any, *choices: Any) -> Any:
    return ops.where(condition, *choices) if choices else np.nonzero(_plain(condition))


@_is(np.clip, ops.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None,
          **others: Any) -> Any:  # fmt: skip
    _refuse("np.clip", out=out, **others)
    low, high = (None if x is _DEFAULT else x for x in (a_min, a_max))
    return ops.clip(a, min if low is None else low, max if high is None else high)


@_is(np.round, ops.round)
def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    _refuse("np.round", out=out)
    return ops.round(a, decimals)


@_is(np.around)
def _around(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return _round(a, decimals, out)


@_is(np.einsum, ops.einsum)
def _einsum(*operands: Any, out: Any = None, optimize: Any = False, **others: Any) -> Any:  # noqa: ARG001 -- it always is
    _refuse("np.einsum", out=out, **others)
    return ops.einsum(*operands)


@_is(np.pad, ops.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, **others: Any) -> Any:
    if mode != "constant":
        raise TypeError(f"np.pad of a Tensor supports only mode='constant'; got mode={mode!r}")
    _refuse("np.pad", **others)
    return ops.pad(array, pad_width, constant_values)


@_is(np.take, ops.take)
def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    _refuse("np.take", out=out, mode=mode)
    return ops.take(a, indices, axis)


@_is(np.astype, ops.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:  # noqa: ARG001 -- never shared
    _refuse("np.astype", device=device)
    return ops.astype(x, dtype)


@_is(np.full_like)
def _full_like(a: Any, fill_value: Any, *places: Any, **others: Any) -> Any:
    if isinstance(fill_value, Variable) and fill_value.requires_grad:
        raise _without_op("np.full_like with a fill_value")
    return np.full_like(_plain(a), _plain(fill_value), *places, **others)


@_is(np.swapaxes)
def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(np.ndim(a)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return ops.transpose(a, order)


@_is(np.moveaxis)
def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    ndim = np.ndim(a)
    moved = sorted(zip(normalize_axis_tuple(destination, ndim), normalize_axis_tuple(source, ndim), strict=True))
    order = [i for i in range(ndim) if i not in {start for _, start in moved}]
    for end, start in moved:
        order.insert(end, start)
    return ops.transpose(a, order)
