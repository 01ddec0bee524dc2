"""Functions to ONNX files: recorded with several batch sizes, compared, written, read back and compared again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_cnn.onnx import importer
from autograd_cnn.onnx.arguments import Arguments, Batch, names_of, read_arguments, record_batches
from autograd_cnn.onnx.batch import Extent, Ref, VariesError, unify
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import OnnxError, UnsupportedError, require_onnx
from autograd_cnn.onnx.families import EXPORTS
from autograd_cnn.onnx.tracing import Call, refs_in
from autograd_cnn.output.files import unwritten, write_atomically
from autograd_cnn.tensor import Tensor

IR_VERSION = 10
OPSETS = range(18, 23)


def export_onnx(
    f: Callable[..., Any],
    args: Sequence[Any],
    path: str | os.PathLike[str],
    *,
    dynamic_batch: bool = True,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset: int = 18,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a function of arrays as an ONNX file, by recording what it computes.

    The function is called with several batch sizes, and what differs between the calls has to follow the batch size;
    the file is read back and compared with the function before it appears under its name.

    Parameters
    ----------
    f : callable
        Any function ``f(*args)`` over the ops of this package that returns a Tensor, or a dict, list or tuple of them.
        A model in evaluation, ``lenet5.apply``, is one. In training, batch normalization is written with the
        statistics of the batch, and running statistics stay as they are; dropout's random numbers are refused.
    args : sequence
        Its arguments. An array or a Tensor is an input of the graph, of that shape and dtype. A (nested) dict, list or
        tuple of them holds parameters: each is kept in the file under its name, such as "conv1.weight". Anything else,
        such as an option, is passed on as it is.
    path : path-like
        The file to write, in an existing folder; it appears once it is complete.
    dynamic_batch : bool
        Whether the first axis of every input is the batch, of any length when the graph is used; all inputs then have
        that axis, of one length.
    input_names, output_names : sequence of str, optional
        By default "x", "x_1", … and "y", "y_1", ….
    opset : int
        Version of the operators, 18 to 22.
    metadata : dict of str to str, optional
        Kept in the file with the graph.

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
    require_onnx().helper.set_model_props(model, dict(sorted((metadata or {}).items())))
    try:
        write_atomically(path, model.SerializeToString(deterministic=True))
    except OSError as error:
        raise OnnxError(unwritten(path, error)) from error


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
    arguments = read_arguments(args)
    names = names_of("input_names", input_names, "x", len(arguments.inputs), arguments.parameters)
    batches = record_batches(f, arguments, dynamic_batch)
    model = _write(_united(batches), batches, arguments, names, output_names, opset)
    for batch in batches:
        _compare(model, batch)
    return model


# --- several calls as one -------------------------------------------------------------------------------------


def _united(batches: list[Batch]) -> list[Call]:
    """Merge the calls of all batches into calls that hold for any batch size."""
    sizes, first = [batch.size for batch in batches], batches[0].trace
    for batch in batches[1:]:
        _check_alike(batches[0], batch)
    calls = []
    for same in zip(*(batch.trace.calls for batch in batches), strict=True):
        try:
            given = {name: unify([c.given[name] for c in same], sizes) for name in same[0].given}
            calls.append(replace(same[0], given=given, shape=unify([c.shape for c in same], sizes)))
        except VariesError as error:
            raise OnnxError(
                f"export_onnx: {same[0].op!r} at {same[0].site} takes what a graph cannot work out for another batch "
                f"size: {error}; compute it by ops from the input, or pass dynamic_batch=False"
            ) from None
    assert len(calls) == len(first.calls)
    return calls


def _check_alike(first: Batch, other: Batch) -> None:
    """Check that a function does the same with two batch sizes."""
    ours, others = first.trace.calls, other.trace.calls
    if [c.op for c in ours] != [c.op for c in others] or first.trace.outputs != other.trace.outputs:
        at = next((a for a, b in zip(ours, others, strict=False) if a.op != b.op), None)
        raise OnnxError(
            f"export_onnx: f does other things with a batch of {other.size} than with {first.size}, "
            f"{f'from {at.op!r} at {at.site} on' if at else 'in number'}; a graph does the same for all: take care of "
            "the batch size by ops, or pass dynamic_batch=False"
        )


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
    batches: list[Batch],
    arguments: Arguments,
    names: list[str],
    output_names: Sequence[str] | None,
    opset: int,
) -> Any:
    """Return the model that computes these calls."""
    g = Builder()
    parameters, outputs = arguments.parameters, batches[0].trace.outputs
    finals = names_of("output_names", output_names, "y", len(outputs), (*names, *parameters))
    for name in (*names, *parameters, *finals):
        g.name(name)
    g.batch_of = names[0]
    for i, (name, x) in enumerate(zip(names, arguments.inputs, strict=True)):
        g.enter(i, name, unify([batch.inputs[i].shape for batch in batches], [b.size for b in batches]), x.dtype)
    for i, (name, x) in enumerate(parameters.items(), len(names)):
        g.enter(i, name, x.shape, x.dtype)
    numbered = range(len(names), len(names) + len(parameters))
    needed = _needed(calls, outputs)
    for call in needed:
        g.enter(call.out, _written(g, call), call.shape, call.dtype)
    used = {ref.number for call in needed for ref in refs_in(list(call.given.values()))}
    for name, ref in zip(finals, outputs, strict=True):
        g.nodes.append(g.helper.make_node("Identity", [g.names[ref.number]], [name], name=name))
    return _model(
        g,
        opset,
        [_info(g, name, i) for i, name in enumerate(names)],
        [_info(g, name, ref.number) for name, ref in zip(finals, outputs, strict=True)],
        [g.from_array(parameters[g.names[i]], g.names[i]) for i in numbered if i in used],
    )


def _model(g: Builder, opset: int, inputs: list[Any], outputs: list[Any], initializers: list[Any]) -> Any:
    """Return a checked model."""
    graph = g.helper.make_graph(g.nodes, "autograd_cnn", inputs, outputs, initializers)
    opsets = [g.helper.make_operatorsetid("", opset)]
    model = g.helper.make_model(graph, producer_name="autograd_cnn", ir_version=IR_VERSION, opset_imports=opsets)
    try:
        require_onnx().checker.check_model(model, full_check=True)
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


def _info(g: Builder, name: str, number: int) -> Any:
    lengths = [str(n) if isinstance(n, Extent) else n for n in g.shapes[number]]
    return g.helper.make_tensor_value_info(name, g.helper.np_dtype_to_tensor_dtype(g.dtypes[number]), lengths)


def _compare(model: Any, batch: Batch) -> None:
    """Read the model back, and compare what it computes with what the function did."""
    imported = importer.from_model(model, "export_onnx: the graph that was made")
    with np.errstate(all="ignore"):  # f has already issued its own warnings
        found = imported.apply(imported.params, *batch.inputs)
    for value, expected in zip(found if isinstance(found, tuple) else (found,), batch.trace.results, strict=True):
        array = value.data if isinstance(value, Tensor) else np.asarray(value)
        scale = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected)))
        tolerance = (1e-3 if expected.dtype == np.float32 else 1e-9) * scale
        if array.shape != expected.shape or not np.allclose(array, expected, 0, tolerance, equal_nan=True):
            raise OnnxError(
                f"export_onnx: with a batch of {batch.size or 'this size'} the graph computes something else than f, "
                "so it was not written; f may depend on more than its arguments and the ops on them"
            )
