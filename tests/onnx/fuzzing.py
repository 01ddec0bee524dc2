"""Mutated ONNX files: each is read and run, and nothing but the documented error comes out, in bounds.

python -m tests.onnx.fuzzing 10000     mutate so many files, and say what came of them; what is found is kept beside
"""

import sys
import time
import tracemalloc
from collections import Counter

import numpy as np

import autograd_cnn as ac
from autograd_cnn.onnx import OnnxError
from autograd_cnn.onnx.exporter import trace
from autograd_cnn.onnx.families import IMPORTS
from autograd_cnn.onnx.importer import import_onnx
from tests.onnx.programs import onnx

MOST_BYTES, MOST_SECONDS = 256 * 2**20, 5.0
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


def seeds():
    """Give the bytes of the graphs that are mutated."""
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (3, 2, 3, 3), "conv.bias": (3,), "fc.weight": (2, 12), "fc.bias": (2,)}
    shapes |= {f"bn.{name}": (3,) for name in ("running_mean", "running_var", "weight", "bias")}
    params = {name: ac.Tensor(rng.random(shape, np.float32)) for name, shape in shapes.items()}
    graphs = [(_network, params), (_movements, {"w": ac.Tensor(rng.random((2, 2, 3, 3), np.float32))})]
    return [trace(f, (p, X)).SerializeToString(deterministic=True) for f, p in graphs] + [_by_hand()]


def _by_hand():
    """Give a graph of what takes most memory when its numbers grow."""
    make, tensor = onnx.helper.make_node, onnx.numpy_helper.from_array
    ints = lambda name, *values: tensor(np.array(values, np.int64), name)  # noqa: E731
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
    info = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)  # noqa: E731
    graph = onnx.helper.make_graph(nodes, "g", [info("x")], [info("y")], initializers)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString(deterministic=True)


#: Numbers that sizes, axes and counts go wrong with.
ODD = (0, 1, 2, 3, 5, 17, 255, 1000, 65_537, 10**6, 2**31 - 1, 2**40, 2**63 - 1, -1, -2, -3, -(10**6), -(2**63))


def mutate(data, rng):
    """Give a file that is changed a little: its bytes, or what they say."""
    changed = _mutate_bytes if rng.random() < 0.3 else _mutate_graph
    return changed(data, rng)


def _mutate_graph(data, rng):
    """Give bytes of a model with other numbers, operators, inputs or tensors."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(int(rng.integers(1, 4))):
        graph = model.graph
        node, tensor = (rows[int(rng.integers(len(rows)))] for rows in (graph.node, graph.initializer))
        kind = int(rng.integers(9))
        odd = int(rng.choice(ODD))
        if kind <= 2 and node.attribute:
            _mutate_attribute(node.attribute[int(rng.integers(len(node.attribute)))], rng, odd)
        elif kind == 3:
            node.op_type = str(rng.choice(sorted(IMPORTS)))
        elif kind == 4 and node.input:
            names = [*(t.name for t in graph.initializer), *(x for n in graph.node for x in n.output), ""]
            node.input[int(rng.integers(len(node.input)))] = str(rng.choice(names))
        elif kind == 5:
            (graph.node.add().CopyFrom if rng.random() < 0.5 else graph.node.remove)(node)
        elif kind == 6:
            _mutate_tensor(tensor, rng, odd)
        elif kind == 7 and node.input:
            del node.input[-1]
        else:
            model.opset_import[0].version = max(min(odd, 2**40), 0)
    return model.SerializeToString(deterministic=True)


def _mutate_attribute(item, rng, odd):
    if item.ints:
        item.ints[int(rng.integers(len(item.ints)))] = odd
        if rng.random() < 0.2:
            item.ints.append(odd)
    elif item.HasField("t"):
        _mutate_tensor(item.t, rng, odd)
    elif rng.random() < 0.2:
        item.type = int(rng.integers(1, 12))
    else:
        item.i, item.f = odd, float(rng.choice([np.nan, np.inf, -1e38, 0.0]))


def _mutate_tensor(tensor, rng, odd):
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


def _mutate_bytes(data, rng):
    """Give bytes with a few changed, moved, doubled, cut out or put in."""
    out = bytearray(data)
    at, length = int(rng.integers(len(out))), int(rng.geometric(0.3))
    kind = int(rng.integers(10))
    if kind == 0:
        out[at : at + length] = b""
    elif kind == 1:
        out[at:at] = rng.bytes(length)
    elif kind == 2:
        other = int(rng.integers(len(out)))
        out[at:at] = out[other : other + 4 * length]
    elif kind == 3:
        del out[at:]
    elif kind < 7:
        out[at] ^= 1 << int(rng.integers(8))
    else:
        out[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
    return bytes(out)


def attempt(path):
    """Read a file and run it; tell what came of it: "refused", "refused when run", or "computed"."""
    try:
        apply, params = import_onnx(path)
    except OnnxError:
        return "refused"
    try:
        with np.errstate(all="ignore"):
            apply(params, X)
    except OnnxError:
        return "refused when run"
    return "computed"


def main(files):
    from pathlib import Path
    from tempfile import TemporaryDirectory

    rng, outcomes, most, longest = np.random.default_rng(files), Counter(), 0, 0.0
    sources = seeds()
    with TemporaryDirectory() as folder:
        path = Path(folder, "m.onnx")
        for i in range(files):
            path.write_bytes(mutate(sources[i % len(sources)], rng))
            tracemalloc.start()
            begin = time.process_time()
            try:
                outcomes[attempt(path)] += 1
            except Exception as error:  # noqa: BLE001 -- what is looked for
                outcomes[f"{type(error).__name__}: {error}"] += 1
                Path(f"onnx-finding-{i}.onnx").write_bytes(path.read_bytes())
            seconds, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if seconds > MOST_SECONDS or peak > MOST_BYTES:
                outcomes["out of bounds"] += 1
                Path(f"onnx-finding-{i}.onnx").write_bytes(path.read_bytes())
            most, longest = max(most, peak), max(longest, seconds)
    print(f"{files} files: {dict(outcomes)}; at most {most / 2**20:.0f} MB and {longest:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
