"""ONNX files as functions: round trips, training, and the files of models that other programs wrote."""

import functools
import warnings
from pathlib import Path

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import models
from autograd_cnn.onnx import OnnxError, UnsupportedError
from autograd_cnn.onnx.importer import from_model
from tests.onnx.programs import agree, onnx
from tests.onnx.test_export import trained

rng = np.random.default_rng(0)
helper = onnx.helper
DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"


def exported(name, folder):
    model, params = trained(name)
    x = rng.random((4, *model.INPUT_SHAPE), np.float32)
    ac.export_onnx(model.apply, (params, x), folder / "m.onnx")
    return model, params, x


@pytest.mark.parametrize("name", models.names())
def test_a_model_comes_back_with_its_parameters_and_trains_alike(name, tmp_path):
    model, params, x = exported(name, tmp_path)
    apply, weights = ac.import_onnx(tmp_path / "m.onnx")
    assert {key: p.requires_grad for key, p in weights.items()} == {key: p.requires_grad for key, p in params.items()}
    for key, p in params.items():
        np.testing.assert_array_equal(weights[key].data, p.data)
    expected = model.apply(params, x)
    agree([apply(weights, x).data], [expected.data], 1e-6)
    assert isinstance(apply({key: p.data for key, p in weights.items()}, x), np.ndarray)

    labels = np.arange(len(x))
    if "dropout" in model.apply.__code__.co_varnames:
        model_apply = functools.partial(model.apply, dropout=0.0)
    else:
        model_apply = model.apply
    losses = []
    for function, p in ((apply, weights), (model_apply, params)):
        optimizer = ac.optim.SGD(models.trainable(p), lr=0.01)
        loss = ac.softmax_cross_entropy(function(p, x, training=True), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for key, p in params.items():  # gradients and running statistics too
        np.testing.assert_allclose(weights[key].data, p.data, rtol=0, atol=1e-5 * max(1, np.abs(p.data).max()))


def test_an_imported_model_learns_by_fit(tmp_path):
    exported("mlp", tmp_path)
    apply, params = ac.import_onnx(tmp_path / "m.onnx")
    images, labels = rng.random((64, 1, 28, 28), np.float32), rng.integers(0, 10, 64)
    before = ac.softmax_cross_entropy(apply(params, images), labels).item()
    ac.training.fit(apply, params, (images, labels), optimizer=ac.optim.Adam(params), epochs=5)
    assert ac.softmax_cross_entropy(apply(params, images), labels).item() < before


def test_a_second_round_trip_changes_nothing(tmp_path):
    _, _, x = exported("resnet", tmp_path)
    first = ac.import_onnx(tmp_path / "m.onnx")
    ac.export_onnx(first.apply, (first.params, x), tmp_path / "again.onnx")
    ops = [[n.op_type for n in onnx.load(tmp_path / f).graph.node if n.op_type not in ("Constant", "Identity")]
           for f in ("m.onnx", "again.onnx")]  # fmt: skip
    assert ops[0] == ops[1]
    second = ac.import_onnx(tmp_path / "again.onnx")
    agree([second.apply(second.params, x).data], [first.apply(first.params, x).data], 1e-6)


def written_by_pytorch():
    return sorted(path for kind in ("pytorch-converted", "pytorch-operator") for path in (DATA / kind).iterdir())


def read_data(folder, kind):
    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
    return [onnx.numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())) for path in paths]


#: What the files that PyTorch wrote ask for that the package lacks, and how many do.
LACKING = {
    "images of three dimensions": 13,
    "padding other than with a constant, or of negative width": 3,
}


def test_the_files_that_pytorch_wrote_compute_what_they_did_there():
    lacking, right = dict.fromkeys(LACKING, 0), 0
    for folder in written_by_pytorch():
        try:
            apply, params = ac.import_onnx(folder / "model.onnx")
            for data_set in sorted(folder.glob("test_data_set_*")):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = apply(params, *read_data(data_set, "input"))
                found = [np.asarray(ac.Tensor(v).data) for v in (found if isinstance(found, tuple) else (found,))]
                agree(found, read_data(data_set, "output"))
                right += 1
        except UnsupportedError as error:
            lacking[error.reason.value] += "/model.onnx: node '" in str(error)
    print(f"{right} data sets of files that PyTorch wrote are right; lacking: {lacking}")
    assert right >= 100
    assert all(n <= LACKING[reason] for reason, n in lacking.items())


# --- small graphs ------------------------------------------------------------------------------------------------


def graph_of(*nodes, inputs=("x",), outputs=("y",), initializers=(), opset=18):
    """Make a model of nodes; weights are (name, array)."""
    info = lambda name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)  # noqa: E731
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in initializers]
    graph = helper.make_graph(list(nodes), "g", list(map(info, inputs)), list(map(info, outputs)), tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def test_dropout_drops_in_training_alone():
    node = helper.make_node("Dropout", ["x", "ratio"], ["y"])
    apply, params = from_model(graph_of(node, initializers=[("ratio", np.float32(0.5))]), "g")
    x = np.ones(100, np.float32)
    assert params == {}  # a constant
    np.testing.assert_array_equal(apply(params, x), x)
    dropped = apply(params, x, training=True, rng=np.random.default_rng(0))
    assert set(np.unique(dropped)) == {0.0, 2.0}


def test_constants_of_a_graph_are_no_parameters():
    nodes = [
        helper.make_node("Constant", [], ["c"], value=onnx.numpy_helper.from_array(np.float32([2.0]))),
        helper.make_node("Mul", ["x", "c"], ["m"]),
        helper.make_node("Clip", ["m", "low"], ["n"]),
        helper.make_node("Mul", ["n", "w"], ["y"]),
    ]
    tensors = [("low", np.float32(0.0)), ("w", np.float32([3.0])), ("unused", np.float32([1.0]))]
    apply, params = from_model(graph_of(*nodes, initializers=tensors), "g")
    assert list(params) == ["w"]
    apply(params, np.float32([1.0, -1.0])).sum().backward()
    np.testing.assert_array_equal(params["w"].grad, [2.0])


@pytest.mark.parametrize("of_node", ["", "ai.onnx"])
@pytest.mark.parametrize("of_version", ["", "ai.onnx"])
def test_the_domain_may_have_its_other_name(of_node, of_version):
    model = graph_of(helper.make_node("Exp", ["x"], ["y"], domain=of_node))
    model.opset_import[0].domain = of_version
    apply, params = from_model(model, "g")
    assert apply(params, np.zeros(1, np.float32)) == 1


def test_inputs_may_be_tensors_and_differentiate():
    apply, params = from_model(graph_of(helper.make_node("Exp", ["x"], ["y"])), "g")
    x = ac.Tensor([0.0, 1.0], requires_grad=True)
    apply(params, x).sum().backward()
    np.testing.assert_allclose(x.grad, np.exp([0.0, 1.0]), rtol=1e-6)


def test_an_unknown_operator_is_named_with_its_node():
    with pytest.raises(UnsupportedError, match=r"g: node 'mine' \(NonZero\) asks for an operator with no counterpart"):
        from_model(graph_of(helper.make_node("NonZero", ["x"], ["y"], name="mine")), "g")
    with pytest.raises(UnsupportedError, match=r"node 'y' \(Exp\) of the domain 'other'"):
        from_model(graph_of(helper.make_node("Exp", ["x"], ["y"], domain="other")), "g")


def test_calls_are_checked():
    apply, params = from_model(
        graph_of(helper.make_node("Add", ["x", "w"], ["y"]), initializers=[("w", np.ones(3, np.float32))]), "g"
    )
    with pytest.raises(OnnxError, match=r"takes 1 input\(s\), x; got 2"):
        apply(params, 1.0, 2.0)
    with pytest.raises(OnnxError, match="needs the parameter 'w'; those given are none"):
        apply({}, 1.0)
    with pytest.raises(OnnxError, match=r"node 'y' \(Add\) cannot be computed: .*broadcast"):
        apply(params, np.ones(2, np.float32))
