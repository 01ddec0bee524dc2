"""NumPy's functions, other than ufuncs, on Tensors: they take NumPy's arguments, and refuse options that ops lack."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.ops import linalg
from autograd_cnn.variable import Variable

#: Each NumPy function that has an op, and what is called instead.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}

DEFAULT: Any = np._NoValue


def without_op(name: str) -> TypeError:
    """Return the error of a function without an op."""
    return TypeError(
        f"{name} of a Tensor has no op in autograd_cnn, and on the plain array its gradient would be lost. Write it "
        "with the ops in autograd_cnn.ops.__all__, make an op of it with @autograd_cnn.primitive, or take the plain "
        "value first, with .data"
    )


#: Values of options that count as the default, besides None.
_USUAL = {
    "where": (True,),
    "subok": (True,),
    "casting": ("same_kind",),
    "order": ("K", "C"),
    "mode": ("raise",),
    "kind": ("quicksort", "mergesort", "heapsort", "stable"),
    "stable": (True, False),
    "reflect_type": ("even",),
}


def refuse(name: str, **options: Any) -> None:
    """Raise if an option has been given that no op has."""
    for option, value in options.items():
        if value is None or value is DEFAULT or (isinstance(value, (str, bool)) and value in _USUAL.get(option, ())):
            continue
        raise _refusal(name, option, value)


def _refusal(name: str, option: str, value: Any) -> TypeError:
    return TypeError(
        f"{name} of a Tensor takes no {option}={'…' if option == 'out' else repr(value)}: "
        + ("its result is a new Tensor; write `t = …` instead" if option == "out" else "leave it out")
    )


def as_dtype(x: Any, dtype: Any) -> Any:
    """Convert to `dtype`, if one was given."""
    return x if dtype is None or dtype is DEFAULT else ops.astype(x, dtype)


def plain(value: Any) -> Any:
    """Replace Tensors with read-only arrays, at any depth of lists."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    if not isinstance(value, Variable):
        return value
    array = value._data.view()
    array.flags.writeable = False
    return array


def _is(function: Any, op: Any = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an adapter for one of NumPy's functions, under the name of the op that it calls, if there is one."""

    def enter(adapter: Callable[..., Any]) -> Callable[..., Any]:
        adapter.__name__ = adapter.__name__ if op is None else op.__name__
        FUNCTIONS[function] = adapter
        return adapter

    return enter


#: NumPy's names of inputs that have another name here.
_INPUTS = {"a": "x", "array": "x", "ary": "x", "m": "x", "v": "x", "A": "x", "b": "y", "tup": "arrays"}


def _same(function: Any, op: Any, arguments: str) -> None:
    """Register an op for one of NumPy's functions, which takes these arguments by position."""
    label = f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"
    own = list(inspect.signature(op).parameters)
    named = {name: name if name in own else _INPUTS.get(name, name) for name in arguments.split()}
    names = list(named.values())
    alike = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(names, own, strict=False)))

    def adapter(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) <= alike:
            return op(*args)
        given = dict(zip(names, args, strict=False)) | {named.get(name, name): kwargs[name] for name in kwargs}
        dtype = given.pop("dtype", None)
        if given.get("order") == "K":  # an order in memory, which only an array has
            raise _refusal(label, "order", "K")
        refuse(label, **{name: value for name, value in given.items() if name not in own})
        taken = {name: value for name, value in given.items() if name in own and value is not DEFAULT}
        if dtype is not None:
            x = taken[names[0]]
            taken[names[0]] = [as_dtype(part, dtype) for part in x] if names[0] == "arrays" else as_dtype(x, dtype)
        return op(**taken)

    _is(function, op)(adapter)


for _function, _op, _arguments in [
    (np.average, ops.average, "a axis weights returned"),
    (np.broadcast_to, ops.broadcast_to, "array shape subok"),
    (np.cumprod, ops.cumprod, "a axis dtype out"),
    (np.cumsum, ops.cumsum, "a axis dtype out"),
    (np.diag, ops.diag, "v k"),
    (np.diff, ops.diff, "a n axis prepend append"),
    (np.dot, ops.dot, "a b out"),
    (np.expand_dims, ops.expand_dims, "a axis"),
    (np.flip, ops.flip, "m axis"),
    (np.hstack, ops.hstack, "tup"),
    (np.inner, ops.inner, "a b"),
    (np.linalg.cholesky, linalg.cholesky, "a"),
    (np.linalg.det, linalg.det, "a"),
    (np.linalg.inv, linalg.inv, "a"),
    (np.linalg.norm, linalg.norm, "x ord axis keepdims"),
    (np.linalg.slogdet, linalg.slogdet, "a"),
    (np.linalg.solve, linalg.solve, "a b"),
    (np.max, ops.max, "a axis out keepdims initial where"),
    (np.amax, ops.max, "a axis out keepdims initial where"),
    (np.mean, ops.mean, "a axis dtype out keepdims"),
    (np.min, ops.min, "a axis out keepdims initial where"),
    (np.amin, ops.min, "a axis out keepdims initial where"),
    (np.moveaxis, ops.moveaxis, "a source destination"),
    (np.outer, ops.outer, "a b out"),
    (np.prod, ops.prod, "a axis dtype out keepdims initial where"),
    (np.ravel, ops.ravel, "a order"),
    (np.repeat, ops.repeat, "a repeats axis"),
    (np.reshape, ops.reshape, "a shape order"),
    (np.roll, ops.roll, "a shift axis"),
    (np.round, ops.round, "a decimals out"),
    (np.around, ops.round, "a decimals out"),
    (np.sort, ops.sort, "a axis kind order"),
    (np.split, ops.split, "ary indices_or_sections axis"),
    (np.squeeze, ops.squeeze, "a axis"),
    (np.stack, ops.stack, "arrays axis out"),
    (np.sum, ops.sum, "a axis dtype out keepdims initial where"),
    (np.swapaxes, ops.swapaxes, "a axis1 axis2"),
    (np.take, ops.take, "a indices axis out mode"),
    (np.tensordot, ops.tensordot, "a b axes"),
    (np.tile, ops.tile, "A reps"),
    (np.trace, ops.trace, "a offset axis1 axis2 dtype out"),
    (np.transpose, ops.transpose, "a axes"),
    (np.tril, ops.tril, "m k"),
    (np.triu, ops.triu, "m k"),
    (np.vstack, ops.vstack, "tup"),
]:
    _same(_function, _op, _arguments)


def _spread(function: Any, op: Any) -> None:
    @_is(function, op)
    def spread(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: Any = 0,
        keepdims: Any = False,
        **others: Any,
    ) -> Any:
        correction = others.pop("correction", DEFAULT)
        refuse(f"np.{function.__name__}", out=out, **others)
        by = ddof if correction is DEFAULT else correction
        return op(as_dtype(a, dtype), axis, by, keepdims is not DEFAULT and keepdims)


_spread(np.var, ops.var)
_spread(np.std, ops.std)


@_is(np.atleast_1d, ops.atleast_1d)
def _atleast_1d(*arys: Any) -> Any:
    return ops.atleast_1d(*arys)


@_is(np.atleast_2d, ops.atleast_2d)
def _atleast_2d(*arys: Any) -> Any:
    return ops.atleast_2d(*arys)


@_is(np.concatenate, ops.concatenate)
def _concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    refuse("np.concatenate", out=out, casting=casting)
    arrays = [as_dtype(x, dtype) for x in arrays]
    if axis is None:
        return ops.concatenate([ops.reshape(x, -1) for x in arrays])
    return ops.concatenate(arrays, axis)


@_is(np.where, ops.where)
def _where(condition: Any, *choices: Any) -> Any:
    return ops.where(condition, *choices) if choices else np.nonzero(plain(condition))


@_is(np.clip, ops.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None,
          **others: Any) -> Any:  # fmt: skip
    refuse("np.clip", out=out, **others)
    low, high = (None if x is DEFAULT else x for x in (a_min, a_max))
    return ops.clip(a, min if low is None else low, max if high is None else high)


@_is(np.einsum, ops.einsum)
def _einsum(*operands: Any, out: Any = None, optimize: Any = False, **others: Any) -> Any:  # noqa: ARG001 -- it always is
    refuse("np.einsum", out=out, **others)
    return ops.einsum(*operands)


@_is(np.pad, ops.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, **others: Any) -> Any:
    refuse("np.pad", **others)
    return ops.pad(array, pad_width, mode, constant_values)


@_is(np.astype, ops.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:  # noqa: ARG001 -- never shared
    refuse("np.astype", device=device)
    return ops.astype(x, dtype)


@_is(np.full_like)
def _full_like(a: Any, fill_value: Any, *places: Any, **others: Any) -> Any:
    if isinstance(fill_value, Variable) and fill_value.requires_grad:
        raise without_op("np.full_like with a fill_value")
    return np.full_like(plain(a), plain(fill_value), *places, **others)
