"""ONNX files from anywhere: one documented error, in bounds, and nothing is run."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.onnx import OnnxError, wire
from autograd_cnn.onnx.importer import from_model
from tests.fuzzing.loaders import LOADERS
from tests.fuzzing.worker import MEMORY, Memory, finding
from tests.onnx.programs import onnx
from tests.onnx.test_import import graph_of

helper, tensor = onnx.helper, onnx.numpy_helper.from_array


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_damaged_files_are_refused_or_computed_in_bounds(tmp_path_factory, seed):
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    path.write_bytes(LOADERS["onnx"].case(seed, 0))
    tracemalloc.start()
    try:
        finding(LOADERS["onnx"], path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_the_files_that_are_damaged_compute(tmp_path):
    for data in LOADERS["onnx"].seeds():
        (tmp_path / "m.onnx").write_bytes(data)
        assert finding(LOADERS["onnx"], tmp_path / "m.onnx") == (None, True)


def large(*shape):
    return ("shape", np.array(shape, np.int64))


#: Graphs of a few bytes that would take all memory there is.
GREEDY = {
    "Expand": ([helper.make_node("Expand", ["x", "shape"], ["y"])], [large(10**6, 10**6, 1)]),
    "ConstantOfShape": ([helper.make_node("ConstantOfShape", ["shape"], ["y"])], [large(10**6, 10**6)]),
    "Tile": ([helper.make_node("Tile", ["x", "shape"], ["y"])], [large(10**12)]),
    "Range": (
        [helper.make_node("Range", ["begin", "end", "step"], ["y"])],
        [("begin", np.int64(0)), ("end", np.int64(2**62)), ("step", np.int64(1))],
    ),
    "Pad": ([helper.make_node("Pad", ["x", "shape"], ["y"])], [large(10**12, 0)]),
    "an outer product": (
        [helper.make_node("Reshape", ["x", "shape"], ["c"]), helper.make_node("Mul", ["c", "row"], ["y"])],
        [large(-1, 1), ("row", np.ones((1, 10**6), np.float32))],
    ),
    "doubling": (
        [helper.make_node("Concat", [f"v{i}"] * 8, [f"v{i + 1}"], axis=0) for i in range(30)]
        + [helper.make_node("Identity", ["v30"], ["y"])],
        [("v0", np.ones(2, np.float32))],
    ),
    "a wide convolution": (
        [helper.make_node("Conv", ["image", "w"], ["y"], pads=[10**6] * 4)],
        [("image", np.ones((1, 1, 3, 3), np.float32)), ("w", np.ones((1, 1, 3, 3), np.float32))],
    ),
    "a wide transpose": (
        [helper.make_node("ConvTranspose", ["image", "w"], ["y"], strides=[10**6] * 2)],
        [("image", np.ones((1, 1, 3, 3), np.float32)), ("w", np.ones((1, 1, 3, 3), np.float32))],
    ),
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_value_that_would_take_all_memory_is_refused_before_it_is_made(name):
    nodes, initializers = GREEDY[name]
    apply, params = from_model(graph_of(*nodes, initializers=initializers), "g")
    tracemalloc.start()
    try:
        with pytest.raises(OnnxError, match=r"g: node .* cannot be computed: .* the inputs and weights account for"):
            apply(params, np.ones(5000, np.float32))
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def changed(change):
    model = graph_of(helper.make_node("Add", ["x", "w"], ["y"]), initializers=[("w", np.ones(3, np.float32))])
    change(model)
    return model


def _external(model):
    weight = model.graph.initializer[0]
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")


def _cut(model):
    model.graph.initializer[0].raw_data = b"1234"


def _wide(model):
    model.graph.initializer[0].dims[0] = 2**40


def _text(model):
    model.graph.initializer[0].data_type = onnx.TensorProto.STRING


def _twice(model):
    model.graph.initializer.add().CopyFrom(model.graph.initializer[0])


def _loop(model):
    model.graph.node[0].input[1] = "y"


def _body(model):
    model.graph.node[0].attribute.add(name="body", type=onnx.AttributeProto.GRAPH)


REFUSED = {
    _external: "'w' has its numbers in another file, which is not read",
    _cut: r"'w' of shape \(3,\) has 1 numbers; expected 3",
    _wide: r"'w' of shape \(1099511627776,\) has 3 numbers",
    _text: "'w' asks for other numbers than float32 and float64",
    _twice: "the tensor name 'w' is empty or used twice",
    _loop: "takes 'y', which nothing before it makes",
    _body: "has an attribute 'body' of the kind GRAPH, which is not read",
    lambda model: model.graph.node.add().CopyFrom(model.graph.node[0]): "expected one or more new names",
    lambda model: model.graph.output[0].CopyFrom(helper.make_tensor_value_info("z", 1, None)): "which no node makes",
    lambda model: model.ClearField("graph"): "has no graph",
    lambda model: model.ClearField("opset_import"): "names no version",
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_a_file_says_is_checked(change):
    with pytest.raises(OnnxError, match=REFUSED[change]):
        from_model(changed(change), "g")


def node(operator, *inputs, **attributes):
    return helper.make_node(operator, inputs, ["y"], **attributes)


#: What was found by damaging files: nodes that were computed, though they are wrong or mean something else.
WRONG_NODES = {
    "another kernel than the weight's": (
        node("Conv", "image", "w", kernel_shape=[2, 2]),
        r"kernel_shape is \(2, 2\), and the weight has \(3, 3\)",
    ),
    "another kernel of a transpose": (node("ConvTranspose", "image", "w", kernel_shape=[2, 2]), "kernel_shape is"),
    "an unknown way of padding": (node("Conv", "image", "w", auto_pad="SOME"), "auto_pad is NOTSET, VALID,"),
    "windows of nothing but padding": (
        node("MaxPool", "image", kernel_shape=[2, 2], pads=[2, 0, 0, 0]),
        r"pads are less than the kernel_shape \(2, 2\)",
    ),
    "a mean of nothing": (node("AveragePool", "image", kernel_shape=[2, 2], pads=[0, 0, 0, 9]), "pads are less than"),
    "the mean of images of no size": (
        node("GlobalAveragePool", "matrix"),
        r"images have axes after batch and channels",
    ),
    "their maximum": (node("GlobalMaxPool", "matrix"), r"images have axes after .*; got shape \(2, 2\)"),
    "whole numbers divided by 0": (node("Div", "square", "zero"), "whole numbers are divided by 0"),
    "their remainder": (node("Mod", "square", "zero"), "whole numbers are divided by 0"),
    "another remainder": (node("Mod", "matrix", "matrix"), "that fmod=1 means; got fmod=0"),
    "a vector for a matrix": (node("Gemm", "matrix", "row"), r"expected two matrices; got shapes \(2, 2\) and \(2,\)"),
    "fewer axes": (node("GatherElements", "matrix", "zero"), r"as many axes as the values; got shapes \(2,\) and"),
    "other updates": (node("ScatterElements", "row", "zero", "matrix"), "updates are as many as indices"),
    "places in no axis": (node("GatherND", "matrix", "none"), "places in at least one axis"),
    "one pad": (node("Pad", "matrix", "zero"), "pads are two numbers for each of 2 axes; got 2"),
    "an unknown attribute": (node("Relu", "image", slope=0.5), "is not valid in version 18 .*: Unrecognized attribute"),
    "too many inputs": (node("Relu", "image", "w"), "is not valid in version 18"),
    "too few": (node("Softmax"), "is not valid in version 18"),
    "a mixture": (node("Add", "image", "square"), "input 1 is whole numbers, where another is floating point numbers"),
    "the softmax of whole numbers": (
        node("Softmax", "square"),
        "input 0 is whole numbers; expected floating point numbers",
    ),
    "a mean that is a whole number": (node("ReduceMean", "square"), "asks for other numbers than float32 and float64"),
    "a shape in two dimensions": (node("ConstantOfShape", "square"), r"a row of whole numbers; got shape \(2, 2\)"),
}


@pytest.mark.parametrize("name", WRONG_NODES)
def test_a_node_that_is_wrong_is_named(name):
    wrong, reason = WRONG_NODES[name]
    arrays = {"image": np.ones((1, 1, 3, 3), np.float32), "w": np.ones((1, 1, 3, 3), np.float32)}
    arrays |= {"square": np.ones((2, 2), np.int64), "matrix": np.ones((2, 2), np.float32)}
    arrays |= {"zero": np.zeros(2, np.int64), "row": np.ones(2, np.float32), "none": np.ones((2, 0), np.int64)}
    used = [(key, arrays[key]) for key in dict.fromkeys(wrong.input)]

    def compute():
        apply, params = from_model(graph_of(wrong, initializers=used), "g")
        apply(params, np.ones(1, np.float32))

    with pytest.raises(OnnxError, match=rf"g: node 'y' \({wrong.op_type}\) .*{reason}"):
        compute()


def test_an_operator_that_its_version_lacks_is_named():
    with pytest.raises(OnnxError, match=r"'y' \(GreaterOrEqual\) is not valid in version 9 .*: No Op registered"):
        from_model(graph_of(node("GreaterOrEqual", "x", "x"), opset=9), "g")


def test_files_that_are_none(tmp_path):
    with pytest.raises(OnnxError, match=r"a\.onnx does not exist"):
        ac.import_onnx(tmp_path / "a.onnx")
    with pytest.raises(OnnxError, match="is not a regular file"):
        ac.import_onnx(tmp_path)
    (tmp_path / "b.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(OnnxError, match=r"b\.onnx is cut short or not an ONNX file"):
        ac.import_onnx(tmp_path / "b.onnx")
    (tmp_path / "c.onnx").write_bytes(b"")
    with pytest.raises(OnnxError, match=r"c\.onnx has no graph"):
        ac.import_onnx(tmp_path / "c.onnx")


def repeated(number, count):
    """Give a field that is empty, many times, in a graph: two bytes each, which become hundreds."""
    inside = bytes([number << 3 | 2, 0]) * count
    return bytes([7 << 3 | 2]) + varint(len(inside)) + inside


def varint(n):
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("number", [1, 5, 11, 13])
def test_a_file_of_many_small_parts_is_refused_before_it_is_parsed(tmp_path, number):
    (tmp_path / "m.onnx").write_bytes(repeated(number, 10**6))
    base = Memory()
    base.peak()
    with pytest.raises(OnnxError, match=r"m\.onnx holds more besides its numbers than is read: over 200,000 parts"):
        ac.import_onnx(tmp_path / "m.onnx")
    assert base.peak() < 2**26


def test_a_file_of_long_names_is_refused():
    model = graph_of(node("Relu", "x"))
    model.graph.doc_string = "x" * wire.MOST_BYTES
    with pytest.raises(OnnxError, match=r"or 4,194,304 bytes of names and the like"):
        wire.check_size(model.SerializeToString(), model.DESCRIPTOR, "g")


@pytest.mark.parametrize("raw", [True, False])
def test_many_numbers_are_no_such_parts(tmp_path, raw):
    many = np.ones(2 * wire.MOST_BYTES // 4, np.float32)
    model = graph_of(node("ReduceSum", "w"), initializers=[("w", many)])
    if not raw:
        model.graph.initializer[0].CopyFrom(helper.make_tensor("w", onnx.TensorProto.FLOAT, many.shape, many))
    onnx.save(model, tmp_path / "m.onnx")
    apply, params = ac.import_onnx(tmp_path / "m.onnx")
    assert apply(params, np.ones(1, np.float32)).item() == many.size


def test_a_shape_of_many_axes_is_not_repeated_in_the_error():
    model = graph_of(node("ReduceSum", "w"), initializers=[("w", np.ones(1, np.float32))])
    model.graph.initializer[0].dims.extend([1] * 10_000)
    with pytest.raises(OnnxError, match=r"^g: the tensor 'w' has 10,001 axes; expected 32 at most$"):
        from_model(model, "g")


@pytest.mark.parametrize("data", [b"\x80" * 20, b"\x0a\x05ab", b"\x0b", b"\x09abc", b"\x0a\xff\xff\xff\xff\x7f"])
def test_parts_that_do_not_fit_into_the_file(data, tmp_path):
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(OnnxError, match=r"m\.onnx is cut short or not an ONNX file"):
        ac.import_onnx(tmp_path / "m.onnx")
