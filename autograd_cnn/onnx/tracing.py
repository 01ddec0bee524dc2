"""Calls of a function, recorded op by op.

The function runs as it is, and an observer sees every op. A value is identified by the array that holds it, so that it
is found again after in-place changes and in indices. What depends on an input is a `Traced` tensor: nobody but the
machinery of the ops may read its numbers, because whatever was computed from them outside of the ops would be a
constant in the graph, and wrong for every other input.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.modes import switched
from autograd_cnn.onnx.batch import Ref
from autograd_cnn.onnx.errors import OnnxError
from autograd_cnn.output import text
from autograd_cnn.primitive import Primitive
from autograd_cnn.recording.call_site import call_site, machinery
from autograd_cnn.recording.observers import Forward, observed_by
from autograd_cnn.tensor import Tensor
from autograd_cnn.variable import Array, Variable

machinery(__name__)

_slot = Variable.__dict__["_data"]  # the array of any variable, traced or not
#: What may read the numbers of a traced tensor: it hands them to an op, or asks for their shape and dtype alone.
_READERS = ("autograd_cnn.primitive", "autograd_cnn.calls.")
_HARMLESS = {
    "autograd_cnn.variable": {"shape", "dtype"},
    "autograd_cnn.plain_values": {"ndim", "size", "__len__", "__repr__"},
    "autograd_cnn.tensor": {"_become", "detach"},
    "autograd_cnn.ops.statistics": {"average"},
    "autograd_cnn.ops.loss": {"binary_cross_entropy"},
}


#: NumPy's functions that ask for shapes and dtypes alone.
_OF_SHAPES = {np.empty_like, np.ndim, np.ones_like, np.result_type, np.shape, np.size, np.zeros_like}


class Traced(Tensor):
    """A value that depends on an input of the graph that is being recorded."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name == "data":
            raise _refusal(sys._getframe(1))
        if name == "_data":
            frame = sys._getframe(1)
            if frame.f_globals.get("__name__") == "autograd_cnn.ops.sorting":
                # Indices would leave as a plain array; a Tensor can index as well, and is traced.
                return self
            if not _may_read(frame, _slot.__get__(self).dtype):
                raise _refusal(frame)
        return super().__getattribute__(name)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _OF_SHAPES:
            args = [np.broadcast_to(np.empty((), x.dtype), x.shape) if isinstance(x, Traced) else x for x in args]
            return function(*args, **kwargs)
        return super().__array_function__(function, types, args, kwargs)


def _may_read(frame: Any, dtype: Any) -> bool:
    module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
    if module == "autograd_cnn.ops.indexing":
        return bool(dtype.kind in "iu")  # an index, which is handed on as it is
    return module.startswith((*_READERS, __name__)) or function in _HARMLESS.get(module, ())


def _refusal(frame: Any) -> OnnxError:
    module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
    inside = f" ({function} does)" if module.startswith("autograd_cnn.") else ""
    return OnnxError(
        f"export_onnx: the numbers of a value that depends on an input are read at {text.place(call_site(1))}{inside}; "
        "a graph holds ops alone, and what is computed from such numbers would be right for these inputs only: use "
        "the ops of autograd_cnn there"
    )


@dataclass(frozen=True)
class Call:
    """One call of an op, with its arguments by name: `Ref`s of values, constants and options."""

    op: str
    given: dict[str, Any]
    out: int
    shape: Any  # a `Shape`
    dtype: np.dtype[Any]
    site: str

    def __getitem__(self, name: str) -> Any:
        return self.given[name]


class Trace(NamedTuple):
    """A recorded call of a function."""

    calls: list[Call]
    outputs: list[Ref]
    """What it returned."""
    results: list[Array]
    """The arrays of the outputs."""


def record(
    f: Callable[..., Any],
    args: Sequence[Any],
    leaves: Sequence[Any],
    find: Callable[[Any], Iterable[tuple[str, Any]]],
) -> Trace:
    """Call ``f(*args)`` and record it.

    `leaves` are the Tensors in `args`, the inputs among them `Traced`: the values number 0, 1, 2, …; `find` yields the
    leaves of what is returned, with their paths.
    """
    recorder = _Recorder()
    for leaf in leaves:
        recorder.enter(_slot.__get__(leaf), isinstance(leaf, Traced))
    with switched(recording=False, updating=False), observed_by(recorder):
        returned = f(*args)
    outputs, results = [], []
    for path, out in find(returned):
        array = _slot.__get__(out) if isinstance(out, Variable) else out
        number = recorder.numbers.get(id(array))
        if number is None or number not in recorder.dependent:
            raise OnnxError(
                f"export_onnx: what f returned{f' at {path}' if path else ''} depends on no input by the ops of "
                "autograd_cnn; return a Tensor that was computed from one"
            )
        outputs.append(Ref(number))
        results.append(array)
    return Trace(recorder.calls, outputs, results)


class _Recorder:
    """An observer that keeps every call of an op that depends on an input or a parameter."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.numbers: dict[int, int] = {}  # of values, by the identity of their arrays
        self.arrays: list[Array] = []  # kept alive, so that no identity is reused
        self.dependent: set[int] = set()  # on an input

    def enter(self, array: Array, dependent: bool) -> int:
        number = len(self.arrays)
        self.arrays.append(array)
        self.numbers[id(array)] = number
        if dependent:
            self.dependent.add(number)
        return number

    def forward(self, event: Forward) -> None:
        op = event.op
        bound = op.signature.bind(event.args, event.kwargs)
        given = {
            name: tuple(self._resolve(part, True) for part in value)
            if name == op.signature.variadic
            else self._resolve(value, _takes_arrays(op, name))
            for name, value in bound.items()
        }
        refs = refs_in(list(given.values()))
        if not refs:
            return  # a constant
        out = event.out
        array = _slot.__get__(out) if isinstance(out, Variable) else np.asarray(out)
        dependent = any(ref.number in self.dependent for ref in refs)
        number = self.enter(array, dependent)
        if dependent and type(out) is Tensor:
            out.__class__ = Traced
        self.calls.append(Call(op.name, given, number, array.shape, array.dtype, text.place(call_site())))

    def backward(self, event: Any) -> None:
        """Do nothing: only the forward runs."""

    def _resolve(self, value: Any, array: bool) -> Any:
        """Return the recorded form of an argument; an `array` given in several parts is stacked first."""
        if isinstance(value, Variable | np.ndarray):
            data = _slot.__get__(value) if isinstance(value, Variable) else value
            number = self.numbers.get(id(data))
            return Ref(number) if number is not None else np.array(data)
        if isinstance(value, np.generic):
            return np.asarray(value) if array else value.item()
        if isinstance(value, tuple | list):
            parts = [self._resolve(part, array) for part in value]
            if array and refs_in(parts):
                return self._stacked(parts)
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, slice):
            return slice(*(self._resolve(part, False) for part in (value.start, value.stop, value.step)))
        return value

    def _stacked(self, parts: list[Any]) -> Ref:
        """Record the op that stacks a list with values in it, as every op does with its arguments."""
        arrays = [self.arrays[p.number] if isinstance(p, Ref) else np.asarray(p) for p in parts]
        dtype = next((a.dtype for a in arrays if a.dtype.kind == "f"), arrays[0].dtype)
        joined = np.stack([a.astype(dtype) for a in arrays])
        number = self.enter(joined, any(ref.number in self.dependent for ref in refs_in(parts)))
        given = {"arrays": tuple(parts), "axis": 0}
        self.calls.append(Call("stack", given, number, joined.shape, dtype, text.place(call_site())))
        return Ref(number)


def _takes_arrays(op: Primitive[...], name: str) -> bool:
    return name in op.rules or name in op.constant_in or not op.differentiable


def refs_in(value: Any) -> list[Ref]:
    """Return the values of the graph in an argument."""
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, tuple | list):
        return [ref for part in value for ref in refs_in(part)]
    if isinstance(value, slice):
        return refs_in([value.start, value.stop, value.step])
    return []
