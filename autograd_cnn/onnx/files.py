"""Read ONNX files from untrusted sources, with bounds: every number is checked before it is used."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError, require_onnx
from autograd_cnn.onnx.wire import check_size
from autograd_cnn.variable import Array

_MOST_BYTES = 2**31 - 1  # the most that a protobuf holds
#: The dtypes of the tensors in a file, by ONNX's numbers for them: those that are computed with.
_DTYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
_TYPED = {
    "FLOAT": "f",
    "INT": "i",
    "STRING": "s",
    "TENSOR": "t",
    "FLOATS": "floats",
    "INTS": "ints",
    "STRINGS": "strings",
}


class Node(NamedTuple):
    """A node of a graph: an operator, its attributes, and the names of its inputs and outputs."""

    operator: str
    name: str
    attributes: dict[str, Any]
    inputs: list[str]
    outputs: list[str]

    def __str__(self) -> str:
        return f"node {self.name!r} ({self.operator})"


class Graph(NamedTuple):
    """A graph as a sequence of nodes."""

    nodes: list[Node]
    initializers: dict[str, Array]
    inputs: list[str]
    outputs: list[str]
    opset: int


def read_model(path: str | os.PathLike[str]) -> Any:
    """Return the `onnx.ModelProto` in a file.

    Raises
    ------
    OnnxError
        If there is no such file, or it holds no model.
    """
    onnx = require_onnx()
    name = os.fspath(path)
    try:
        if not Path(path).is_file():
            kind = "is not a regular file" if Path(path).exists() else "does not exist"
            raise OnnxError(f"{name} {kind}; expected an ONNX file")
        if Path(path).stat().st_size > _MOST_BYTES:
            raise OnnxError(f"{name} is larger than the {_MOST_BYTES:,} bytes that an ONNX file holds")
        data = Path(path).read_bytes()
    except OSError as error:
        raise OnnxError(f"{name} cannot be read ({error.strerror or error}); expected an ONNX file") from error
    check_size(data, onnx.ModelProto.DESCRIPTOR, name)
    try:
        return onnx.ModelProto.FromString(data)
    except Exception as error:
        raise OnnxError(f"{name} is cut short or not an ONNX file") from error


def read_graph(model: Any, name: str) -> Graph:
    """Return the graph of a model; `name` is what errors call it.

    Raises
    ------
    OnnxError
        If the graph is not valid, with its nodes in order, or a tensor's content does not match its shape or dtype.
    """
    if not model.HasField("graph"):
        raise OnnxError(f"{name} has no graph; expected an ONNX file")
    proto = model.graph
    opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), None)
    if opset is None or not 1 <= opset <= 1000:
        raise OnnxError(f"{name} names no version of ONNX's operators")
    if proto.sparse_initializer or model.functions:
        raise OnnxError(f"{name} has sparse tensors or functions of its own, which are not read")
    initializers: dict[str, Array] = {}
    for tensor in proto.initializer:
        if not tensor.name or tensor.name in initializers:
            raise OnnxError(f"{name}: the tensor name {tensor.name!r} is empty or used twice")
        initializers[tensor.name] = read_tensor(tensor, f"{name}: the tensor {tensor.name!r}")
    inputs = [item.name for item in proto.input if item.name not in initializers]
    known = {"", *initializers, *inputs}
    if len(set(inputs)) < len(inputs):
        raise OnnxError(f"{name}: two inputs have one name")
    nodes = [_read_node(proto_node, i, name) for i, proto_node in enumerate(proto.node)]
    for node in nodes:
        if missing := [x for x in node.inputs if x not in known]:
            raise OnnxError(f"{name}: {node} takes {missing[0]!r}, which nothing before it makes")
        made = [x for x in node.outputs if x]
        if not made or len(set(made)) < len(made) or not known.isdisjoint(made):
            raise OnnxError(f"{name}: {node} has the outputs {node.outputs}; expected one or more new names")
        known.update(made)
    outputs = [item.name for item in proto.output]
    if not outputs or any(not x or x not in known for x in outputs):
        raise OnnxError(f"{name} has the outputs {outputs}, which no node makes")
    return Graph(nodes, initializers, inputs, outputs, opset)


def read_tensor(tensor: Any, what: str) -> Array:
    """Return a tensor of a file as an array of its own.

    Raises
    ------
    OnnxError
        If its numbers are in another file, are not as many as its shape says, or of a dtype that is not computed with.
    """
    if tensor.data_location or tensor.external_data:
        raise OnnxError(f"{what} has its numbers in another file, which is not read; save the model as one file")
    if tensor.data_type not in _DTYPES:
        raise UnsupportedError(Reason.DTYPE, what)
    shape, dtype = tuple(tensor.dims), np.dtype(_DTYPES[tensor.data_type])
    if len(shape) > 32:
        raise OnnxError(f"{what} has {len(shape):,} axes; expected 32 at most")
    if min(shape, default=0) < 0:
        raise OnnxError(f"{what} has the shape {shape}; expected lengths of at least 0")
    count = math.prod(shape)
    if tensor.HasField("raw_data"):
        given = len(tensor.raw_data) / dtype.itemsize
    else:
        field = {1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data", 13: "uint64_data"}
        given = len(getattr(tensor, field.get(tensor.data_type, "int32_data")))
    if given != count:
        raise OnnxError(f"{what} of shape {shape} has {given:g} numbers; expected {count}")
    array = np.asarray(require_onnx().numpy_helper.to_array(tensor))
    return array.astype(dtype).reshape(shape)


def _read_node(node: Any, place: int, name: str) -> Node:
    label = node.name or next((x for x in node.output if x), str(place))
    read = Node(node.op_type, label, {}, list(node.input), list(node.output))
    if node.domain not in ("", "ai.onnx"):
        raise UnsupportedError(Reason.OPERATOR, f"{name}: {read} of the domain {node.domain!r}")
    for item in node.attribute:
        kind = item.AttributeType.Name(item.type) if item.type in item.AttributeType.values() else "UNDEFINED"
        field = _TYPED.get(kind)
        if field is None or item.ref_attr_name or item.name in read.attributes:
            raise OnnxError(f"{name}: {read} has an attribute {item.name!r} of the kind {kind}, which is not read")
        value = getattr(item, field)
        read.attributes[item.name] = _plain(value, kind, f"{name}: {read}")
    return read


def _plain(value: Any, kind: str, what: str) -> Any:
    if kind == "TENSOR":
        return read_tensor(value, f"{what}, its tensor,")
    try:
        if kind == "STRING":
            return value.decode()
        if kind == "STRINGS":
            return [text.decode() for text in value]
    except UnicodeDecodeError as error:
        raise OnnxError(f"{what} has an attribute that is no text") from error
    return list(value) if kind in ("FLOATS", "INTS") else value
