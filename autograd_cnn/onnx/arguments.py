"""The arguments of an exported function: inputs and parameters, and the batches that it is called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.onnx.errors import OnnxError
from autograd_cnn.onnx.tracing import Trace, Traced, record
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.variable import Array

#: The batch sizes that are compared. A batch of one, which broadcasts, is left out if the function refuses it.
_SIZES = (2, 3, 5, 1)


class Arguments(NamedTuple):
    """The arguments of a function: its inputs, and its parameters by their names."""

    args: Sequence[Any]
    inputs: list[Array]
    parameters: dict[str, Array]


class Batch(NamedTuple):
    """A recorded call and its batch size; 0 if the size is fixed."""

    size: int
    inputs: list[Array]
    trace: Trace


def is_array(value: Any) -> bool:
    """Whether a value is an array: as an argument, an input; as a leaf, a parameter."""
    return isinstance(value, Tensor | np.ndarray)


def read_arguments(args: Any) -> Arguments:
    """Tell inputs and parameters apart: inputs are arrays, parameters are in dicts, lists and tuples.

    Raises
    ------
    OnnxError
        If there is no input, or an array is of a dtype that a graph does not compute with.
    """
    if not isinstance(args, tuple | list):
        raise OnnxError(f"export_onnx: args is a tuple of what f is called with; got a {type(args).__name__}")
    inputs = [_plain(x) for x in args if is_array(x)]
    if not inputs:
        raise OnnxError("export_onnx: no argument is an array or a Tensor, so the graph would have no input")
    parameters: dict[str, Array] = {}
    for i, tree in enumerate(args):
        for path, leaf in [] if is_array(tree) else trees.leaves_with_paths(tree):
            if is_array(leaf):
                name = trees.dotted(path)
                parameters[name if name not in parameters else f"{i}.{name}"] = _plain(leaf)
    for what, array in [*((f"input {i}", x) for i, x in enumerate(inputs)), *parameters.items()]:
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8 or array.dtype == np.float16:
            raise OnnxError(
                f"export_onnx: {what} has dtype {array.dtype}; expected float32, float64, integers or booleans"
            )
    return Arguments(args, inputs, parameters)


def _plain(value: Any) -> Array:
    return np.array(value.data if isinstance(value, Tensor) else value, order="C")


def names_of(what: str, given: Sequence[str] | None, stem: str, count: int, taken: Iterable[str]) -> list[str]:
    """Check the names of inputs or outputs, and return them; by default `stem`, `stem_1`, ….

    Raises
    ------
    OnnxError
        If they are not `count` different names.
    """
    names = [stem, *(f"{stem}_{i}" for i in range(1, count))][:count] if given is None else list(given)
    proper = all(isinstance(name, str) and name for name in names)
    if not proper or len(names) != count or len({*names, *taken}) < count + len({*taken}):
        raise OnnxError(
            f"export_onnx: {what} should be {count} different names, other than those of parameters; got {names}"
        )
    return names


def record_batches(f: Callable[..., Any], arguments: Arguments, dynamic: bool) -> list[Batch]:
    """Call a function with several batch sizes, made of the given rows, or once with the inputs as they are."""
    if not dynamic:
        return [Batch(0, arguments.inputs, _record(f, arguments, arguments.inputs))]
    inputs = arguments.inputs
    lengths = {x.shape[:1] for x in inputs}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise OnnxError(
            "export_onnx: the first axis of every input is the batch, of one length of at least 1; got shapes "
            f"{', '.join(str(x.shape) for x in inputs)}: for a graph of fixed shapes pass dynamic_batch=False"
        )
    found = []
    for size in _SIZES:
        rows = [x[np.arange(size) % len(x)] for x in inputs]
        try:
            found.append(Batch(size, rows, _record(f, arguments, rows)))
        except OnnxError:
            raise
        except Exception:
            if size > 1:
                raise
    return found


def _record(f: Callable[..., Any], arguments: Arguments, rows: list[Array]) -> Trace:
    """Call the function with these inputs, and copies of the parameters, and record it."""
    entered = [Traced.wrap(x.copy()) for x in rows]
    tensors = [Tensor(x) for x in arguments.parameters.values()]
    inputs, parameters = iter(entered), iter(tensors)

    def place(arg: Any) -> Any:
        if is_array(arg):
            return next(inputs)
        leaves = trees.leaves(arg)
        if not any(map(is_array, leaves)):
            return arg
        return trees.rebuild(arg, [next(parameters) if is_array(leaf) else leaf for leaf in leaves])

    return record(f, [place(arg) for arg in arguments.args], [*entered, *tensors], _outputs)


def _outputs(returned: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in trees.leaves_with_paths(returned):
        if not is_array(leaf):
            raise OnnxError(
                f"export_onnx: f returned a {type(leaf).__name__}{f' at {path}' if path else ''}; expected Tensors, in "
                "a dict, list or tuple if there are several"
            )
        yield path, leaf
