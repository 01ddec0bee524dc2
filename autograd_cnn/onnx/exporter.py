"""Functions to ONNX files: recorded with several batch sizes, compared, written, read back and compared again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd_cnn.graph import Array
from autograd_cnn.onnx import importer
from autograd_cnn.onnx.batch import Extent, Ref, VariesError, unify
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import OnnxError, UnsupportedError, require_onnx
from autograd_cnn.onnx.families import EXPORTS
from autograd_cnn.onnx.fusing import fuse_batch_norm
from autograd_cnn.onnx.tracing import Call, Trace, Traced, record, refs_in
from autograd_cnn.output.files import write_atomically
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees

IR_VERSION = 10
OPSETS = range(18, 23)
#: The batch sizes that are compared. One, which broadcasts, is left out where the function refuses it.
_SIZES = (2, 3, 5)


def export_onnx(
    f: Callable[..., Any],
    args: Sequence[Any],
    path: str | os.PathLike[str],
    *,
    dynamic_batch: bool = True,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset: int = 18,
) -> None:
    """Write a function of arrays as an ONNX file, by recording what it computes.

    The function is called with several batch sizes, and what differs between the calls has to follow the batch size;
    the file is read back and compared with the function before it gets its name.

    Parameters
    ----------
    f : callable
        Any function ``f(*args)`` over the ops of this package that returns a Tensor, or a dict, list or tuple of them.
        A model in evaluation, ``lenet5.apply``, is one. In training, batch normalization is written with the
        statistics of the batch, and running statistics stay as they are; dropout's random numbers are refused.
    args : sequence
        What it is called with. An array or a Tensor is an input of the graph, of that shape and dtype. A (nested) dict,
        list or tuple of them holds parameters: each is kept in the file under its name, such as "conv1.weight".
        Anything else, such as an option, is passed on as it is.
    path : path-like
        The file to write, in an existing folder; it appears once it is complete.
    dynamic_batch : bool
        Whether the first axis of every input is the batch, of any length when the graph is used; all inputs then have
        that axis, of one length.
    input_names, output_names : sequence of str, optional
        By default "x", "x_1", … and "y", "y_1", ….
    opset : int
        Version of the operators, 18 to 22.

    Raises
    ------
    OnnxError
        If an op has no counterpart in ONNX, if something is computed outside of the ops or would be right for one batch
        size only, or if the file cannot be written. It names the op and the line that called it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> lenet5 = ac.models.lenet5
    >>> params, x = lenet5.init(np.random.default_rng(0)), np.zeros((1, 1, 28, 28), np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "lenet5.onnx")
    ...     ac.export_onnx(lenet5.apply, (params, x), path)
    ...     apply, weights = ac.import_onnx(path)
    >>> apply(weights, np.zeros((7, 1, 28, 28), np.float32)).shape
    (7, 10)
    """
    if opset not in OPSETS:
        raise OnnxError(f"export_onnx: opset is from {OPSETS[0]} to {OPSETS[-1]}; got {opset!r}")
    model = trace(f, args, dynamic_batch, input_names, output_names, opset)
    try:
        write_atomically(path, model.SerializeToString(deterministic=True))
    except OSError as error:
        raise OnnxError(
            f"{os.fspath(path)} cannot be written ({error.strerror}); expected a file name in a folder that exists and "
            "can be written to"
        ) from error


def trace(
    f: Callable[..., Any],
    args: Sequence[Any],
    dynamic_batch: bool = True,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset: int = 18,
) -> Any:
    """Return the checked `onnx.ModelProto` of a function; see `export_onnx`."""
    require_onnx()
    inputs, parameters = _leaves(args)
    names = _names("input", input_names, "x", len(inputs), parameters)
    batches = _batches(list(inputs.values()), dynamic_batch)
    traces = []
    for rows in batches:
        try:
            traces.append(_record(f, args, rows, parameters))
        except OnnxError:
            raise
        except Exception:
            if len(rows[0]) != 1 or len(batches) == 1:
                raise
            traces.append(None)  # it takes no batch of one
    found = [(t, rows) for t, rows in zip(traces, batches, strict=True) if t is not None]
    sizes = [len(rows[0]) if dynamic_batch else 1 for _, rows in found]
    calls, shapes = _united([t for t, _ in found], sizes, [rows for _, rows in found])
    model = _write(calls, shapes, found[0][0], names, parameters, output_names, opset,
                   [x.dtype for x in inputs.values()])
    for t, rows in found:
        _compare(model, rows, t.results)
    return model


# --- inputs and parameters ------------------------------------------------------------------------------------


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def _leaves(args: Sequence[Any]) -> tuple[dict[int, Array], dict[str, Array]]:
    """Return the inputs by their places among the arguments, and the parameters by their names."""
    if not isinstance(args, tuple | list):
        raise OnnxError(f"export_onnx: args is a tuple of what f is called with; got a {type(args).__name__}")
    inputs = {i: _plain(x) for i, x in enumerate(args) if _is_array(x)}
    if not inputs:
        raise OnnxError("export_onnx: args has no array or Tensor, so the graph has no input; pass one in its own place")
    trees_of = [(i, x) for i, x in enumerate(args) if not _is_array(x)]
    parameters: dict[str, Array] = {}
    for i, tree in trees_of:
        for leaf_path, leaf in trees.leaves(tree):
            if _is_array(leaf):
                name = trees.dotted(leaf_path) or f"argument {i}"
                name = name if name not in parameters else f"{i}.{name}"
                parameters[name] = _plain(leaf)
    for what, array in [*((f"argument {i}", x) for i, x in inputs.items()), *parameters.items()]:
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8 or array.dtype == np.float16:
            raise OnnxError(f"export_onnx: {what} has dtype {array.dtype}; expected float32, float64, integers or booleans")
    return inputs, parameters


def _plain(value: Any) -> Array:
    return np.array(value.data if isinstance(value, Tensor) else value, order="C")


def _names(
    kind: str, given: Sequence[str] | None, stem: str, count: int, taken: Any = ()
) -> list[str]:
    names = [stem, *(f"{stem}_{i}" for i in range(1, count))][:count] if given is None else list(given)
    if len(names) != count or len(set(names)) < count or any(n in taken or not isinstance(n, str) or not n for n in names):
        raise OnnxError(
            f"export_onnx: {kind}_names are {count} different names, none of them a parameter's; got {names}"
        )
    return names


def _batches(inputs: list[Array], dynamic: bool) -> list[list[Array]]:
    """Return the inputs with several batch sizes, made of the rows that were given; one batch as it is if static."""
    if not dynamic:
        return [inputs]
    lengths = {x.shape[:1] for x in inputs}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise OnnxError(
            "export_onnx: with dynamic_batch the first axis of every input is the batch, of one length of at least 1; "
            f"got shapes {', '.join(str(x.shape) for x in inputs)}: pass dynamic_batch=False for a graph of fixed shapes"
        )
    return [[x[np.arange(size) % len(x)] for x in inputs] for size in (*_SIZES, 1)]


def _record(f: Callable[..., Any], args: Sequence[Any], rows: list[Array], parameters: dict[str, Array]) -> Trace:
    """Call the function with these inputs, and copies of the parameters, and record it."""
    tensors = {name: Tensor(array) for name, array in parameters.items()}
    entered = [Traced.wrap(x.copy()) for x in rows]
    later, waiting = iter(entered), iter(tensors.values())

    def place(arg: Any) -> Any:
        if _is_array(arg):
            return next(later)
        found = [leaf for _, leaf in trees.leaves(arg)]
        if not any(map(_is_array, found)):
            return arg
        return trees.rebuild(arg, [next(waiting) if _is_array(leaf) else leaf for leaf in found])

    leaves = {f"input {i}": x for i, x in enumerate(entered)} | tensors
    return record(f, [place(arg) for arg in args], leaves, {f"input {i}" for i in range(len(rows))}, _outputs)


def _outputs(returned: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in trees.leaves(returned):
        if not isinstance(leaf, Tensor | np.ndarray):
            raise OnnxError(
                f"export_onnx: f returned a {type(leaf).__name__}{f' at {path}' if path else ''}; expected Tensors, in a "
                "dict, list or tuple if there are several"
            )
        yield path, leaf


# --- several calls as one -------------------------------------------------------------------------------------


def _united(traces: list[Trace], sizes: list[int], rows: list[list[Array]]) -> tuple[list[Call], list[Any]]:
    """Return the calls of all traces as one, and the shapes of the inputs."""
    first = traces[0]
    for other, size in zip(traces, sizes, strict=True):
        if [c.op for c in other.calls] != [c.op for c in first.calls] or other.outputs != first.outputs:
            at = next((a for a, b in zip(first.calls, other.calls, strict=False) if a.op != b.op), None)
            where = f"from {at.op!r} at {at.site} on" if at else "at the end"
            raise OnnxError(
                f"export_onnx: f does other things with a batch of {size} than with {sizes[0]}, {where}; a graph does "
                "the same for all: take care of the batch size by ops, or pass dynamic_batch=False"
            )
    calls = []
    for same in zip(*(t.calls for t in traces), strict=True):
        try:
            given = {name: unify([c.given[name] for c in same], sizes) for name in same[0].given}
            calls.append(same[0]._replace(given=given, shape=unify([c.shape for c in same], sizes)))
        except VariesError as error:
            raise OnnxError(
                f"export_onnx: {same[0].op!r} at {same[0].site} takes what a graph cannot work out for another batch "
                f"size: {error}; compute it by ops from the input, or pass dynamic_batch=False"
            ) from None
    return calls, [unify([r[i].shape for r in rows], sizes) for i in range(len(rows[0]))]


def _needed(calls: list[Call], outputs: list[Ref]) -> list[Call]:
    """Return the calls that the outputs depend on."""
    wanted, kept = {ref.number for ref in outputs}, []
    for call in reversed(calls):
        if call.out in wanted:
            kept.append(call)
            wanted.update(ref.number for ref in refs_in(list(call.given.values())))
    return kept[::-1]


# --- the file -------------------------------------------------------------------------------------------------


def _write(
    calls: list[Call],
    input_shapes: list[Any],
    first: Trace,
    names: list[str],
    parameters: dict[str, Array],
    output_names: Sequence[str] | None,
    opset: int,
    dtypes: list[Any],
) -> Any:
    """Return the model that computes these calls."""
    onnx = require_onnx()
    g = Builder()
    for name in (*names, *parameters):
        g.name(name)
    g.batch_of = names[0]
    outputs = [ref for _, ref in first.outputs]
    numbered = range(len(names), len(names) + len(parameters))
    for i, (name, shape) in enumerate(zip(names, input_shapes, strict=True)):
        g.enter(i, name, shape, dtypes[i])
    for i, (name, array) in zip(numbered, parameters.items(), strict=True):
        g.enter(i, name, array.shape, array.dtype)
    used: set[int] = set()
    for call in _needed(fuse_batch_norm(calls, outputs, set(numbered)), outputs):
        used.update(ref.number for ref in refs_in(list(call.given.values())))
        g.enter(call.out, _written(g, call), call.shape, call.dtype)
    finals = []
    for name, ref in zip(_names("output", output_names, "y", len(outputs), (*names, *parameters)), outputs, strict=True):
        g.nodes.append(g.helper.make_node("Identity", [g.names[ref.number]], [name], name=name))
        finals.append(_info(g, name, g.shapes[ref.number], g.dtypes[ref.number]))
    graph = g.helper.make_graph(
        g.nodes,
        "autograd_cnn",
        [_info(g, name, g.shapes[i], g.dtypes[i]) for i, name in enumerate(names)],
        finals,
        [g.from_array(parameters[g.names[i]], g.names[i]) for i in numbered if i in used],
    )
    opsets = [g.helper.make_operatorsetid("", opset)]
    model = g.helper.make_model(graph, producer_name="autograd_cnn", ir_version=IR_VERSION, opset_imports=opsets)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise OnnxError(f"export_onnx: the graph is not valid ONNX: {str(error).strip().splitlines()[0]}") from error
    return model


def _written(g: Builder, call: Call) -> str:
    """Add the nodes of a call, and return the name of its result."""
    write = EXPORTS.get(call.op)
    where = f"export_onnx: {call.op!r} at {call.site}"
    if write is None:
        raise OnnxError(f"{where} has no counterpart in ONNX; write it with other ops of autograd_cnn")
    try:
        return write(g, call)
    except UnsupportedError as error:
        raise OnnxError(f"{where} asks for {error.reason.value}") from None
    except OnnxError as error:
        raise OnnxError(f"{where}: {error}") from None
    except VariesError as error:
        raise OnnxError(f"{where} needs {error}, which a graph cannot work out; pass dynamic_batch=False") from None


def _info(g: Builder, name: str, shape: Any, dtype: Any) -> Any:
    lengths = [str(n) if isinstance(n, Extent) else n for n in shape]
    return g.helper.make_tensor_value_info(name, g.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), lengths)


def _compare(model: Any, rows: list[Array], results: list[Array]) -> None:
    """Read the model back, and compare what it computes with what the function did."""
    imported = importer.from_model(model, "the exported graph")
    found = imported.apply(imported.params, *rows)
    for value, expected in zip(found if isinstance(found, tuple) else (found,), results, strict=True):
        array = value.data if isinstance(value, Tensor) else np.asarray(value)
        scale = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))) if expected.size else 1.0
        tolerance = (1e-3 if expected.dtype == np.float32 else 1e-9) * scale
        if array.shape != expected.shape or not np.allclose(array, expected, 0, tolerance, equal_nan=True):
            raise OnnxError(
                f"export_onnx: with a batch of {len(rows[0]) if rows[0].ndim else 1} the graph computes something else than "
                "f, so it was not written; f may depend on more than its arguments and the ops on them"
            )
