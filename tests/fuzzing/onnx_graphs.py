"""Graphs in ONNX files, ways to damage them, and what has to come of each: it is refused, or computed rightly."""

import functools
import warnings

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import autograd_cnn as ac
from autograd_cnn.onnx.exporter import trace
from autograd_cnn.onnx.families import IMPORTS
from autograd_cnn.onnx.importer import import_onnx
from tests.fuzzing.mutations import damaged

X = np.linspace(-1, 1, 2 * 2 * 6 * 6, dtype=np.float32).reshape(2, 2, 6, 6)


def _network(p, x):
    x = ac.conv2d(x, p["conv.weight"], p["conv.bias"], stride=2, padding=1, dilation=(1, 2))
    x = ac.batch_norm(x, p["bn.running_mean"], p["bn.running_var"], p["bn.weight"], p["bn.bias"])
    x = ac.max_pool2d(ac.relu(x), 2, padding=1, ceil_mode=True)
    return ac.softmax(ac.linear(ac.flatten(x, 1), p["fc.weight"], p["fc.bias"]))


def _movements(p, x):
    x = ac.conv_transpose2d(x, p["w"], stride=2, output_padding=1)
    x = ac.concatenate([ac.pad(x, ((0, 0), (0, 0), (1, 2), (0, 0))), ac.tile(x[:, :, :3], (1, 1, 1, 1))], 2)
    x = ac.avg_pool2d(x, 3, 2, 1, ceil_mode=True)[:, ::-1, 1:, [0, 2]]
    x = ac.setitem(x, (slice(None), 0), 0.5)
    return ac.einsum("nchw,nc->nhw", ac.sort(x), ac.mean(ac.clip(x, -1, 1), (2, 3))) + np.zeros((x.shape[0], 1, 1), "f")


def _statistics(p, x):
    x = ac.layer_norm(x, 6, p["scale"], p["shift"])
    x = ac.where(x > 0.5, ac.exp(-x), ac.tanh(x)) * ac.sigmoid(x)
    x = ac.cumsum(ac.var(x, 1, keepdims=True) + ac.log1p(ac.abs(x)), -1)
    x = ac.avg_pool2d(ac.conv2d(ac.gelu(x), p["w"], padding=1, groups=2), 2, 1)
    return ac.max(x, 2) - ac.logsumexp(x, 3)


@functools.cache
def onnx_seeds():
    """Return graphs that were exported, and some written by hand."""
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (3, 2, 3, 3), "conv.bias": (3,), "fc.weight": (2, 12), "fc.bias": (2,)}
    shapes |= {f"bn.{name}": (3,) for name in ("running_mean", "running_var", "weight", "bias")}
    params = {name: ac.Tensor(rng.random(shape, np.float32)) for name, shape in shapes.items()}
    others = {"w": (4, 1, 3, 3), "scale": (6,), "shift": (6,)}
    others = {name: ac.Tensor(rng.random(shape, np.float32)) for name, shape in others.items()}
    transposed = {"w": ac.Tensor(rng.random((2, 2, 3, 3), np.float32))}
    graphs = [(_network, params), (_movements, transposed), (_statistics, others)]
    return [trace(f, (p, X)).SerializeToString(deterministic=True) for f, p in graphs] + [_by_hand(), _of_old()]


def _by_hand():
    """Return a graph of what takes most memory when its numbers grow."""
    make, tensor = onnx.helper.make_node, onnx.numpy_helper.from_array

    def ints(name, *values):
        return tensor(np.array(values, np.int64), name)

    nodes = [
        make("Constant", [], ["shape"], value=ints("shape", 2, 3)),
        make("ConstantOfShape", ["shape"], ["zeros"]),
        make("Expand", ["zeros", "wide"], ["wider"]),
        make("Tile", ["wider", "times"], ["tiled"]),
        make("Range", ["begin", "end", "step"], ["counted"]),
        make("Gather", ["tiled", "counted"], ["gathered"], axis=0),
        make("Pad", ["gathered", "pads"], ["padded"]),
        make("MatMul", ["padded", "square"], ["product"]),
        make("Gemm", ["product", "square"], ["more"], alpha=0.5),
        make("Reshape", ["more", "flat"], ["row"]),
        make("Identity", ["row"], ["same"]),
        make("Mul", ["same", "column"], ["outer"]),
        make("ReduceSum", ["outer"], ["y"], keepdims=0),
    ]
    initializers = [
        ints("wide", 2, 3), ints("times", 2, 1), ints("pads", 1, 0, 1, 1), ints("flat", -1),
        *(tensor(np.array(v, np.int64), n) for n, v in (("begin", 0), ("end", 4), ("step", 1))),
        tensor(np.eye(4, dtype=np.float32), "square"), tensor(np.ones((5, 1), np.float32), "column"),
    ]  # fmt: skip
    return _model(nodes, initializers, 18)


def _of_old():
    """Return a graph as programs wrote them at first, with numbers that are not raw and attributes for inputs."""
    make, rng = onnx.helper.make_node, np.random.default_rng(0)
    nodes = [
        make("Conv", ["x", "w", "b"], ["c"], auto_pad="VALID", strides=[2, 2], kernel_shape=[2, 2]),
        make("Clip", ["c"], ["clipped"], min=-0.5, max=1.0),
        make("Dropout", ["clipped"], ["kept"], ratio=0.5),
        make("AveragePool", ["kept"], ["pooled"], kernel_shape=[2, 2], pads=[0, 0, 1, 1]),
        make("Transpose", ["pooled"], ["turned"], perm=[0, 2, 3, 1]),
        make("Reshape", ["turned", "shape"], ["rows"]),
        make("Gemm", ["rows", "fc", "bias"], ["logits"], transB=1, alpha=0.5, beta=2.0),
        make("LeakyRelu", ["logits"], ["leaky"], alpha=0.1),
        make("Split", ["leaky"], ["left", "right"], axis=1, split=[1, 2]),
        make("Concat", ["right", "left"], ["both"], axis=1),
        make("Unsqueeze", ["both"], ["wide"], axes=[2]),
        make("Squeeze", ["wide"], ["narrow"], axes=[2]),
        make("Slice", ["narrow"], ["cut"], axes=[1], starts=[0], ends=[2]),
        make("Sigmoid", ["cut"], ["likely"]),
        make("ReduceMean", ["likely"], ["y"], axes=[0], keepdims=0),
    ]  # fmt: skip
    typed = {"w": (3, 2, 2, 2), "b": (3,), "fc": (3, 27), "bias": (3,)}
    tensors = [onnx.helper.make_tensor(n, onnx.TensorProto.FLOAT, s, rng.random(s).ravel()) for n, s in typed.items()]
    tensors.append(onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, (2,), [-1, 27]))
    return _model(nodes, tensors, 9)


def _model(nodes, tensors, opset):
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in (("x", X.shape), ("y", None)))
    graph = onnx.helper.make_graph(nodes, "g", [x], [y], tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=10)
    return model.SerializeToString(deterministic=True)


#: Numbers that sizes, axes and counts go wrong with.
ODD = (0, 1, 2, 3, 5, 17, 255, 1000, 65_537, 10**6, 2**31 - 1, 2**40, 2**63 - 1, -1, -2, -3, -(10**6), -(2**63))
OPERATORS = sorted(IMPORTS)


def damaged_onnx(rng, content, other=b""):
    """Return a file that is changed a little: its bytes, or what they say."""
    if rng.random() < 0.01:
        return content + _empty_parts(int(rng.choice([1, 5, 11, 12, 13])), int(rng.choice([10, 10**4, 10**6])))
    return damaged(rng, content, other) if rng.random() < 0.2 else _damaged_graph(rng, content)


def _empty_parts(number, count):
    """Return what adds many empty parts to a graph, of two bytes each."""
    graph = bytes([number << 3 | 2, 0]) * count
    length = bytes((len(graph) >> shift & 127) | 128 for shift in (0, 7, 14)) + bytes([len(graph) >> 21])
    return bytes([7 << 3 | 2]) + length + graph


def _damaged_graph(rng, content):
    """Return bytes of a model with other numbers, operators, inputs or tensors."""
    model = onnx.ModelProto.FromString(content)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        graph, odd = model.graph, int(rng.choice(ODD))
        node, tensor = (rows[int(rng.integers(len(rows)))] for rows in (graph.node, graph.initializer))
        names = [*(t.name for t in graph.initializer), *(x for n in graph.node for x in n.output), "x", ""]
        with_attributes = [n for n in graph.node if n.attribute]
        kind = int(rng.integers(20))
        if kind < 6 and with_attributes:
            attributes = with_attributes[int(rng.integers(len(with_attributes)))].attribute
            _damage_attribute(attributes[int(rng.integers(len(attributes)))], rng, odd)
        elif kind < 8:
            node.op_type = str(rng.choice(OPERATORS))
        elif kind < 11 and node.input:
            node.input[int(rng.integers(len(node.input)))] = str(rng.choice(names))
        elif kind < 13:
            _insert(graph, rng, names)
        elif kind == 13:
            (graph.node.add().CopyFrom if rng.random() < 0.5 else graph.node.remove)(node)
        elif kind < 18:
            _damage_tensor(tensor, rng, odd)
        elif kind == 18 and node.input:
            del node.input[-1]
        else:
            model.opset_import[0].version = int(rng.integers(1, 25)) if rng.random() < 0.8 else abs(odd) % 2**63
    return model.SerializeToString(deterministic=True)


def _insert(graph, rng, names):
    """Put any operator between two nodes."""
    places = [(i, j) for i, node in enumerate(graph.node) for j in range(len(node.input))]
    at, which = places[int(rng.integers(len(places)))]
    taken = [graph.node[at].input[which], *(str(rng.choice(names)) for _ in range(int(rng.choice([0, 0, 0, 1, 1, 2]))))]
    nodes = [*graph.node]
    nodes.insert(at, onnx.helper.make_node(str(rng.choice(OPERATORS)), taken, [f"new{len(nodes)}"]))
    nodes[at + 1].input[which] = f"new{len(nodes) - 1}"
    graph.ClearField("node")
    graph.node.extend(nodes)


def _damage_attribute(item, rng, odd):
    if item.ints:
        item.ints[int(rng.integers(len(item.ints)))] = odd
        if rng.random() < 0.2:
            item.ints.append(odd)
    elif item.HasField("t"):
        _damage_tensor(item.t, rng, odd)
    elif rng.random() < 0.2:
        item.type = int(rng.integers(1, 12))
    else:
        item.i, item.f = odd, float(rng.choice([np.nan, np.inf, -1e38, 0.0]))


def _damage_tensor(tensor, rng, odd):
    if tensor.data_type == onnx.TensorProto.INT64 and rng.random() < 0.7:
        numbers = np.frombuffer(tensor.raw_data[: len(tensor.raw_data) // 8 * 8], np.int64).copy()
        if numbers.size:
            numbers[int(rng.integers(numbers.size))] = odd
            tensor.raw_data = numbers.tobytes()
    elif tensor.dims and rng.random() < 0.5:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = odd
    elif rng.random() < 0.3:
        tensor.dims.append(1)
    else:
        tensor.data_type = int(rng.integers(0, 25))


#: What the reference evaluator computes wrongly for some sizes, numbers and versions, where onnxruntime does not.
NOT_BY_REFERENCE = {"BatchNormalization", "ConvTranspose", "LogSoftmax", "MaxPool", "ReduceLogSumExp", "Softmax"}


def load_onnx(path):
    """Read a file and run it, and see that its numbers are those that ONNX's own evaluator computes, if it does."""
    apply, params = import_onnx(path)
    with np.errstate(all="ignore"):
        found = apply(params, X)
    expected = _by_reference(onnx.ModelProto.FromString(path.read_bytes()))
    if expected is None:
        return
    found = [f.data if isinstance(f, ac.Tensor) else f for f in (found if isinstance(found, tuple) else (found,))]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert (np.shape(ours), np.result_type(ours)) == (np.shape(theirs), np.result_type(theirs))
        scale = float(np.max(np.abs(theirs), initial=1.0, where=np.isfinite(theirs)))
        np.testing.assert_allclose(ours, theirs, 0, 1e-4 * scale)


def _by_reference(model):
    if NOT_BY_REFERENCE & {node.op_type for node in model.graph.node}:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return ReferenceEvaluator(model).run(None, {model.graph.input[0].name: X})
        except Exception:  # noqa: BLE001 -- it does not take what it should, and in ways of its own
            return None
