"""ONNX files to functions: a graph is run node by node with our ops, so that it differentiates and trains."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError
from autograd_cnn.onnx.families import IMPORTS, Attributes
from autograd_cnn.onnx.files import Graph, read_graph, read_model
from autograd_cnn.onnx.node_checks import check_inputs, check_node, check_outputs
from autograd_cnn.tensor import Tensor

#: Inputs that the package takes as constants, by their positions: bounds, labels, class weights.
CONSTANTS = {
    "Clip": {1, 2},
    "Dropout": {1, 2},
    "NegativeLogLikelihoodLoss": {1, 2},
    "Pad": {1, 2, 3},
    "SoftmaxCrossEntropyLoss": {1, 2},
}
#: Inputs that are running statistics: kept with the parameters, but without a gradient.
STATISTICS = {"BatchNormalization": {3, 4}}
#: The bytes that the values of one call may take: a minimum, and an allowance for each byte of inputs and weights.
_LEAST_ROOM, _ROOM_PER_BYTE = 2**26, 1024


class Imported(NamedTuple):
    """A graph as a function, and its parameters."""

    apply: Callable[..., Any]
    """``apply(params, *inputs, training=False, rng=None)`` returns the output, or a tuple of them."""
    params: dict[str, Tensor]
    """The weights, by their names in the file."""


def import_onnx(path: str | os.PathLike[str]) -> Imported:
    """Read an ONNX file as a plain function and its parameters, ready for further training.

    Parameters
    ----------
    path : path-like
        A file that `export_onnx` or any other program wrote. It may come from anywhere: nothing in it is run, no other
        file is read, and sizes are checked before memory is allocated.

    Returns
    -------
    apply : callable
        ``apply(params, *inputs, training=False, rng=None)``, with the inputs in the graph's order, returns a Tensor
        (an array, if all it is given are arrays), or a tuple of them. In training, batch normalization takes the
        statistics of the batch and updates the running ones in `params`, and dropout draws from `rng`.
    params : dict of str to Tensor
        The floating point tensors of the file, by their names. Each requires a gradient, except running statistics.
        Constants of the graph are not among them.

    Raises
    ------
    OnnxError
        If the file is not an ONNX file, or if a node, which the error names, has no counterpart here or does not match
        its operator; and, from `apply`, if a node cannot be computed from its inputs or would take far more memory than
        they and the weights do.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "double.onnx")
    ...     ac.export_onnx(lambda p, x: p["w"] * x, ({"w": ac.Tensor([2.0])}, np.ones((3, 1), np.float32)), path)
    ...     apply, params = ac.import_onnx(path)
    >>> apply(params, np.ones((1, 1), np.float32)).sum().backward()
    >>> params["w"].grad
    array([1.], dtype=float32)
    """
    return from_model(read_model(path), os.fspath(path))


def from_model(model: Any, name: str) -> Imported:
    """Return the function and the parameters of an `onnx.ModelProto`, which errors call `name`."""
    graph = read_graph(model, name)
    for node, proto in zip(graph.nodes, model.graph.node, strict=True):
        if node.operator not in IMPORTS:
            raise UnsupportedError(Reason.OPERATOR, f"{name}: {node}")
        check_node(proto, graph.opset, f"{name}: {node}")
    statistics = _taken(graph, STATISTICS)
    used = _trainable(graph) | set(graph.outputs)
    params = {
        key: Tensor(array, requires_grad=key not in statistics)
        for key, array in graph.initializers.items()
        if array.dtype.kind == "f" and key in used
    }
    constants = {key: array for key, array in graph.initializers.items() if key not in params}

    def apply(
        params: Mapping[str, Any], *inputs: Any, training: bool = False, rng: np.random.Generator | None = None
    ) -> Any:
        if len(inputs) != len(graph.inputs):
            raise OnnxError(f"{name} takes {len(graph.inputs)} input(s), {', '.join(graph.inputs)}; got {len(inputs)}")
        if missing := [key for key in own if key not in params]:
            raise OnnxError(f"{name} needs the parameter {missing[0]!r}; those given are {', '.join(params) or 'none'}")
        given = dict(zip(graph.inputs, inputs, strict=True)) | {key: params[key] for key in own}
        values = run(graph, constants | given, name, training, rng)
        outputs = tuple(values[key] for key in graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    own = list(params)
    return Imported(apply, params)


def _taken(graph: Graph, places: Mapping[str, set[int]]) -> set[str]:
    """Return the names of the nodes' inputs at these positions."""
    return {x for node in graph.nodes for i, x in enumerate(node.inputs) if i in places.get(node.operator, ())}


def _trainable(graph: Graph) -> set[str]:
    """Return the names of the nodes' inputs, except at the positions of constants."""
    return {x for node in graph.nodes for i, x in enumerate(node.inputs) if i not in CONSTANTS.get(node.operator, ())}


def run(
    graph: Graph,
    given: Mapping[str, Any],
    name: str,
    training: bool = False,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """Return the values of a graph by their names, from those of its inputs and tensors."""
    values: dict[str, Any] = {"": None, **given}
    room = _Room([_nbytes(v) for v in given.values()])
    for node in graph.nodes:
        attributes = Attributes(node.attributes, graph.opset, len(node.outputs), room.reserve, training, rng)
        try:
            inputs = [values[x] for x in node.inputs]
            kinds = check_inputs(node.operator, graph.opset, inputs)
            outputs = IMPORTS[node.operator](attributes, *inputs)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            check_outputs(node.operator, graph.opset, kinds, outputs)
            room.take(sum(map(_nbytes, outputs)))
        except UnsupportedError as error:
            raise UnsupportedError(error.reason, f"{name}: {node}") from None
        except Exception as error:
            raise OnnxError(f"{name}: {node} cannot be computed: {_sentence(error)}") from error
        if len(outputs) < sum(map(bool, node.outputs)):
            raise OnnxError(f"{name}: {node} has {len(node.outputs)} outputs; expected {len(outputs)} at most")
        values |= zip(node.outputs, outputs, strict=False)
        values[""] = None
    return values


class _Room:
    """How much memory the values of a call may still take."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.left = max(_LEAST_ROOM, _ROOM_PER_BYTE * sum(sizes))

    def reserve(self, shape: Sequence[int]) -> None:
        """Raise an error if a value of this shape would not fit; `take` counts it."""
        count = 8
        for n in shape:
            count *= int(n)
        if count > self.left:
            lengths = tuple(map(int, shape))
            raise MemoryError(f"a value of shape {lengths} is more than the inputs and weights account for")

    def take(self, nbytes: int) -> None:
        """Count a value that was made."""
        self.left -= nbytes
        if self.left < 0:
            raise MemoryError("its values take more memory than the inputs and weights account for")


def _nbytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.size * value.dtype.itemsize
    return int(np.asarray(value).nbytes) if value is not None else 0


def _sentence(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
