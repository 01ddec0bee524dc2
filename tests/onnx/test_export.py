"""Functions as ONNX graphs: the models in other programs, batches of any size, and what is refused."""

import functools
import subprocess
import sys

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import models
from autograd_cnn.onnx import OnnxError
from autograd_cnn.onnx.exporter import trace
from tests.onnx.programs import agree, in_reference, in_runtime, onnx

rng = np.random.default_rng(0)
OPTIONS = {"simple_convnet": {"batch_norm": True}}


def trained(name):
    """Give a model with running statistics other than those of the beginning."""
    model = models.get(name)
    params = model.init(np.random.default_rng(1), **OPTIONS.get(name, {}))
    for key, p in params.items():
        if "running" in key or "bn" in key:
            p.data[...] = rng.uniform(0.5, 1.5, p.shape)
    return model, params


def operators(model):
    return [node.op_type for node in model.graph.node if node.op_type != "Constant"]


@pytest.mark.parametrize("name", models.names())
def test_a_model_has_the_same_logits_elsewhere(name, tmp_path):
    model, params = trained(name)
    x = rng.random((1, *model.INPUT_SHAPE), np.float32)
    ac.export_onnx(model.apply, (params, x), tmp_path / "m.onnx")
    graph = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(graph, full_check=True)
    assert graph.ir_version == 10
    assert [i.version for i in graph.opset_import] == [18]
    assert {t.name for t in graph.graph.initializer} == set(params)
    for size in (1, 2, 7):
        images = rng.random((size, *model.INPUT_SHAPE), np.float32)
        with ac.no_grad():
            expected = [model.apply(params, images).data]
        agree(in_runtime(graph, {"x": images}), expected)
        agree(in_reference(graph, {"x": images}), expected)


@pytest.mark.parametrize("opset", [18, 19, 20, 21, 22])
def test_every_opset_runs(opset):
    model, params = trained("convnet_bn")
    x = rng.random((3, 1, 28, 28), np.float32)
    graph = trace(model.apply, (params, x), opset=opset)
    agree(in_runtime(graph, {"x": x}), [model.apply(params, x).data])


def test_batch_norm_is_one_operator_with_its_parameters():
    graph = trace(*trained_args("convnet_bn"))
    (first, *_) = [node for node in graph.graph.node if node.op_type == "BatchNormalization"]
    assert list(first.input)[1:] == ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"]
    assert operators(graph)[:3] == ["Conv", "BatchNormalization", "MaxPool"]


def trained_args(name):
    model, params = trained(name)
    return model.apply, (params, rng.random((2, *model.INPUT_SHAPE), np.float32))


@pytest.mark.parametrize("given", [{}, {"weight": True}, {"bias": True}])
def test_batch_norm_without_scale_or_shift(given):
    mean, var = rng.random(3, np.float32), rng.random(3, np.float32)
    p = {name: ac.Tensor(rng.random(3, np.float32)) for name in given}
    x = rng.random((4, 3, 2, 2), np.float32)
    f = lambda p, x: ac.batch_norm(x, mean, var, **p)  # noqa: E731
    agree(in_runtime(trace(f, (p, x)), {"x": x}), [f(p, x).data if p else f(p, x)])


def test_batch_norm_in_training_takes_the_batch_s_statistics_and_leaves_the_running_ones_alone():
    model, params = trained("convnet_bn")
    before = {name: p.data.copy() for name, p in params.items()}
    apply = functools.partial(model.apply, training=True, dropout=0.0)
    x = rng.random((6, 1, 28, 28), np.float32)
    graph = trace(apply, (params, x))
    for name, p in params.items():
        np.testing.assert_array_equal(p.data, before[name])
    agree(in_runtime(graph, {"x": x}), [apply(params, x).data])


def test_dropout_is_nothing_at_inference_and_refused_in_training():
    x = rng.random((2, 3), np.float32)
    f = lambda training: lambda x: ac.dropout(ac.exp(x), 0.5, training, np.random.default_rng(0))  # noqa: E731
    assert operators(trace(f(False), (x,))) == ["Exp", "Identity"]
    with pytest.raises(OnnxError, match="the numbers of a value that depends on an input are read at"):
        trace(f(True), (x,))


# --- what is recorded ---------------------------------------------------------------------------------------


def test_constants_are_folded_and_parameters_stay():
    def f(p, x):
        scale = ac.sqrt(ac.add(np.ones(3, np.float32), 3.0))  # of constants alone
        return x * scale * ac.exp(p["w"])

    graph = trace(f, ({"w": ac.Tensor([1.0, 2.0, 3.0])}, np.ones((2, 3), np.float32)))
    assert operators(graph) == ["Mul", "Exp", "Mul", "Identity"]
    assert [t.name for t in graph.graph.initializer] == ["w"]


def test_what_is_not_needed_is_left_out():
    def f(p, x):
        ac.exp(x)
        return x + p["used"]

    params = {name: ac.Tensor([1.0]) for name in ("used", "unused")}
    graph = trace(f, (params, np.ones((2, 1), np.float32)))
    assert operators(graph) == ["Add", "Identity"]
    assert [t.name for t in graph.graph.initializer] == ["used"]


def test_changes_in_place_are_followed():
    def f(x):
        y = ac.exp(x)
        y += 1
        y[:, 0] = ac.sin(x[:, 1])
        y -= x
        return y

    x = rng.random((3, 4), np.float32)
    agree(in_runtime(trace(f, (x,)), {"x": x}), [f(ac.Tensor(x)).data])


def test_numpy_s_functions_and_lists_of_tensors_are_recorded():
    def f(x):
        return np.sum(np.maximum(ac.stack([x, [1.0, 2.0]]), 0.5) * [x, x], axis=0)

    x = rng.random((2,), np.float32)
    agree(in_runtime(trace(f, (x,), dynamic_batch=False), {"x": x}), [f(ac.Tensor(x)).data])


def test_several_inputs_and_outputs_have_names():
    def f(p, a, b):
        return {"sum": a + b * p["w"], "parts": (a, b.argmax(1))}

    a, b = rng.random((4, 3), np.float32), rng.random((4, 3), np.float32)
    names = {"input_names": ["left", "right"], "output_names": ["total", "first", "second"]}
    graph = trace(f, ({"w": ac.Tensor([2.0])}, a, b), **names)
    assert [i.name for i in graph.graph.input] == ["left", "right"]
    found = in_runtime(graph, {"left": a, "right": b})
    agree(found, [a + 2 * b, a, b.argmax(1)])
    for wrong in (["x"], ["x", "x"], ["x", "w"], ["x", ""], ["x", 3]):
        with pytest.raises(OnnxError, match="input_names should be 2 different names"):
            trace(f, ({"w": ac.Tensor([2.0])}, a, b), input_names=wrong)


def test_plain_options_are_passed_on():
    x = rng.random((2, 3), np.float32)
    graph = trace(lambda x, axis, keep: ac.sum(x, axis, keep), (x, 1, True))
    agree(in_runtime(graph, {"x": x}), [x.sum(1, keepdims=True)])


def test_embeddings_take_indices_as_input():
    table = {"table": ac.Tensor(rng.random((10, 4), np.float32))}
    words = rng.integers(0, 10, (3, 5))
    f = lambda p, i: ac.take(p["table"], i, 0)  # noqa: E731
    agree(in_runtime(trace(f, (table, words)), {"x": words}), [f(table, words).data])


# --- batches of any size ------------------------------------------------------------------------------------

FOLLOWING = {
    "flatten": lambda x: ac.flatten(x, 1),
    "reshape by its length": lambda x: ac.reshape(x, (len(x), -1)),
    "the batch in another place": lambda x: ac.reshape(ac.transpose(x, (1, 0, 2)), (3, x.shape[0] * 4)),
    "the batch twice": lambda x: ac.broadcast_to(ac.reshape(x, (x.shape[0], 1, 12)), (x.shape[0], x.shape[0], 12)),
    "a mean by hand": lambda x: ac.sum(x, 0) / x.shape[0],
    "an unbiased variance": lambda x: ac.var(x, 0, ddof=1),
    "zeros to begin with": lambda x: x + np.zeros((x.shape[0], 1, 4), np.float32),
    "rows by number": lambda x: x[np.arange(x.shape[0]), 1],
    "the last half": lambda x: ac.concatenate([x, x])[x.shape[0] :],
    "the last row": lambda x: x[x.shape[0] - 1],
    "a mask by indices": lambda x: x * (ac.argmax(x, 1) == 1)[:, None],
    "the largest": lambda x: x[np.arange(x.shape[0]), ac.argmax(x[:, :, 0], 1)],
    "assignment": lambda x: ac.setitem(x, (slice(None), 0), 1.0),
    "padding beside the batch": lambda x: ac.pad(x, ((1, 2), (0, 0), (3, 0))),
    "a Gram matrix": lambda x: ac.matmul(ac.flatten(x, 1), ac.transpose(ac.flatten(x, 1))),
    "sorted along the batch": lambda x: ac.sort(x, 0),
}


@pytest.mark.parametrize("name", FOLLOWING)
def test_what_follows_the_batch_size_is_right_at_any(name):
    f, x = FOLLOWING[name], rng.random((2, 3, 4), np.float32)
    graph = trace(f, (x,))
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    for size in (2, 4, 9):
        x = rng.random((size, 3, 4), np.float32)
        agree(in_runtime(graph, {"x": x}), [f(ac.Tensor(x)).data])


VARYING = {
    "a loop over the batch": (lambda x: ac.stack([row * 2 for row in x]), "does other things with a batch of 3"),
    "one case more": (lambda x: x * 2 if len(x) == 2 else x + 1, "does other things with a batch of 3"),
    "a batch of one": (ac.squeeze, "takes what a graph cannot work out|computes something else"),
    "squares": (lambda x: ac.divide(x, len(x) ** 2), "takes what a graph cannot work out.*4 with a batch of 2"),
    "random weights": (lambda x: x * np.random.default_rng(0).random((len(x), 1), np.float32), "an array of shape"),
    "another constant": (lambda x: x * rng.random(), "takes what a graph cannot work out"),
}


@pytest.mark.parametrize("name", VARYING)
def test_what_does_not_follow_the_batch_size_is_refused(name):
    f, message = VARYING[name]
    with pytest.raises(OnnxError, match=message) as caught:
        trace(f, (rng.random((4, 1), np.float32),))
    assert "dynamic_batch=False" in str(caught.value) or "not written" in str(caught.value)


def test_a_batch_of_one_may_be_refused_by_the_function_itself():
    f = lambda x: ac.batch_norm(x, None, None, training=True)  # noqa: E731
    x = rng.random((5, 3), np.float32)
    agree(in_runtime(trace(f, (x,)), {"x": x}), [f(x)])


def test_fixed_shapes_on_request():
    graph = trace(lambda x: ac.stack([row * 2 for row in x]), (np.ones((4, 1), np.float32),), dynamic_batch=False)
    assert [d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim] == [4, 1]


# --- refusals -----------------------------------------------------------------------------------------------

READING = {
    ".data": lambda x: ac.exp(x) * x.data.mean(),
    ".numpy()": lambda x: ac.exp(x) * x.numpy(),
    ".item()": lambda x: x * ac.sum(x).item(),
    "float()": lambda x: x * float(ac.sum(x)),
    "a condition": lambda x: x if ac.sum(x) > 0 else -x,
    "np.asarray": lambda x: x + np.asarray(ac.exp(x)),
    "a new Tensor": lambda x: ac.Tensor(x) * 2,
    "a gradient": lambda x: ac.grad(lambda x: ac.sum(x * x))(x),
    "labels": lambda x: ac.softmax_cross_entropy(np.zeros((2, 3), np.float32), ac.argmax(x, 1)),
    "a detached value": lambda x: x * x.detach().data,
    "an intermediate one": lambda x: x * np.exp(x).data,
    "arithmetic with indices": lambda x: x * (ac.argmax(x, 1).data[:, None] + 1),
    "a mask as an index": lambda x: x[x > 0.5],
    "a mask to take by": lambda x: ac.take(x, x[0] > 0.5, 0),
}


@pytest.mark.parametrize("name", READING)
def test_reading_numbers_of_a_value_is_refused_with_its_line(name):
    with pytest.raises(OnnxError, match=r"the numbers of a value .* are read at .*test_export\.py:"):
        trace(READING[name], (rng.random((2, 3), np.float32),), dynamic_batch=False)


def test_printing_and_looking_at_shapes_is_no_reading(capsys):
    def f(x):
        print(x, len(x), x.size, x.ndim, np.shape(x), np.ndim(x))
        return x * 2 + np.zeros_like(x)

    trace(f, (np.ones((2, 1), np.float32),))
    assert "Tensor" in capsys.readouterr().out


def test_an_op_without_a_counterpart_is_named_with_its_line():
    with pytest.raises(OnnxError, match=r"'inv' at .*test_export.py:\d+ has no counterpart in ONNX"):
        trace(ac.linalg.inv, (np.eye(2, dtype=np.float32),), dynamic_batch=False)

    @ac.primitive
    def my_own(x):
        return x + 1

    with pytest.raises(OnnxError, match=r"'my_own' at .* has no counterpart"):
        trace(my_own, (np.ones((1, 1), np.float32),))


@pytest.mark.parametrize(
    ("f", "args", "message"),
    [
        (lambda: 1, (), "no argument is an array"),
        (lambda p: p["w"], ({"w": ac.Tensor([1.0])},), "no argument is an array"),
        (ac.exp, np.ones((1, 1)), "args is a tuple"),
        (lambda _: 3.0, (np.ones((1, 1)),), "f returned a float"),
        (lambda _: np.ones(3), (np.ones((1, 1)),), "depends on no input"),
        (ac.exp, (np.ones((1, 1), np.float16),), "input 0 has dtype float16"),
        (ac.exp, (np.ones((1, 1), complex),), "input 0 has dtype complex128"),
        (ac.exp, (np.ones(()),), "the first axis of every input is the batch"),
        (ac.add, (np.ones((2, 1)), np.ones((3, 1))), "the first axis of every input is the batch"),
        (ac.exp, (np.ones((0, 1)),), "the first axis of every input is the batch"),
    ],
)
def test_arguments_are_checked(f, args, message):
    with pytest.raises(OnnxError, match=message):
        trace(f, args)


def test_nothing_half_written(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    with pytest.raises(OnnxError):
        ac.export_onnx(lambda x: x.data, (np.ones((1, 1)),), path)
    with pytest.raises(OnnxError, match="opset is from 18 to 22; got 17"):
        ac.export_onnx(ac.exp, (np.ones((1, 1)),), path, opset=17)
    assert path.read_bytes() == b"before"
    with pytest.raises(OnnxError, match="cannot be written"):
        ac.export_onnx(ac.exp, (np.ones((1, 1)),), tmp_path / "missing" / "m.onnx")


def test_equal_functions_give_equal_files(tmp_path):
    for name in ("a", "b"):
        ac.export_onnx(*trained_args_of_zeros(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def trained_args_of_zeros():
    return models.mlp.apply, (models.mlp.init(np.random.default_rng(0)), np.zeros((1, 1, 28, 28), np.float32))


def test_a_missing_onnx_is_one_sentence():
    code = """
import sys
sys.modules["onnx"] = None
import numpy as np, autograd_cnn as ac
for call in (lambda: ac.export_onnx(ac.exp, (np.ones((1, 1)),), "m.onnx"), lambda: ac.import_onnx("m.onnx")):
    try:
        call()
    except ValueError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        done.stdout.splitlines() == ["ONNX files take the onnx package, which is not installed: pip install onnx"] * 2
    )
