"""What a model answers, and the maps of its layers."""

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.data import DataError
from autograd_cnn.play.answers import answer
from autograd_cnn.play.errors import PlayError
from autograd_cnn.play.wire import read_picture
from autograd_cnn.training.saved_models import SavedModel
from tests.play.conftest import DIGITS, drawing, png, untrained

OPS = {
    "lenet5": ["conv2d", "max_pool2d", "relu"] * 2 + ["linear", "relu"] * 2 + ["linear"],
    "mlp": ["linear", "relu", "linear"],
    "conv3x3": ["subtract", "conv2d", "max_pool2d", "linear"],
    "simple_convnet": ["conv2d", "max_pool2d", "relu", "linear", "relu", "linear"],
    "convnet_bn": ["conv2d", "normalize", "max_pool2d", "relu"] * 3 + ["linear"],
}


def test_the_answer_is_the_command_s(reader, digits, tmp_path):
    content = png(drawing(digits.images[3]))
    (tmp_path / "drawn.png").write_bytes(content)
    labels, probabilities = reader.predict([tmp_path / "drawn.png"])
    found = answer(reader, read_picture(reader, content))
    assert found["label"] == labels[0]
    assert found["probabilities"] == pytest.approx(probabilities[0], abs=1e-6)
    assert np.array_equal(found["pixels"], reader.read_image(tmp_path / "drawn.png"))


def test_a_drawing_in_an_array_is_read_as_predict_reads_it(reader, digits):
    picture = 1 - drawing(digits.images[3])[np.newaxis]
    assert np.array_equal(answer(reader, picture)["pixels"], ac.data.read_digit(picture))


@pytest.mark.parametrize("name", OPS)
def test_each_layer_of_a_model_is_shown(name, rng):
    found = answer(untrained(name), rng.random((1, 28, 28), np.float32))
    assert [layer["op"] for layer in found["layers"]] == OPS[name]
    assert all(layer["maps"].ndim == 3 for layer in found["layers"])


def test_each_layer_of_a_residual_network_in_colour_is_shown(rng):
    found = answer(untrained("resnet", (3, 32, 32), depth=8), rng.random((3, 32, 32), np.float32))
    names = [layer["name"] for layer in found["layers"]]
    assert [name for name in names if "conv" in name] == [
        "conv1", *(f"layer{stage}.0.conv{i}" for stage in (1, 2, 3) for i in (1, 2))
    ]  # fmt: skip
    assert names[-2:] == ["mean", "fc"]
    assert found["layers"][0]["maps"].shape == (16, 32, 32)


def test_maps_are_what_the_layers_compute(reader, digits):
    x = digits.images[:1]
    p = {name: tensor.numpy() for name, tensor in reader.params.items()}
    first = ac.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2)[0]
    layer = answer(reader, x)["layers"][0]
    assert (layer["low"], layer["high"]) == pytest.approx((first.min(), first.max()))
    shown = layer["low"] + layer["maps"] / 255 * (layer["high"] - layer["low"])
    assert np.abs(shown - first).max() <= (first.max() - first.min()) / 500


def test_one_op_after_another_from_one_line_are_two_layers(rng):
    layers = ac.nn.layers
    init, apply = ac.sequential(layers.flatten, layers.linear(16, 8), layers.linear(8, 10), ac.tanh, ac.relu)
    net = SavedModel("own", type("Own", (), {"apply": staticmethod(apply)}), init(0), DIGITS, (1, 4, 4))
    found = answer(net, rng.random((1, 4, 4), np.float32))
    assert [layer["op"] for layer in found["layers"]] == ["linear", "linear", "tanh", "relu"]


def test_what_is_no_digit_is_said(reader):
    with pytest.raises(DataError, match="has no digit"):
        answer(reader, np.ones((90, 90), np.float32))
    with pytest.raises(ValueError, match="expected one"):
        answer(reader, np.zeros((2, 1, 28, 28), np.float32))
    with pytest.raises(ValueError, match="expected 0 to 1"):
        answer(reader, np.full((1, 28, 28), np.nan, np.float32))


def test_weights_that_overflow_are_said(digits):
    net = untrained("mlp")
    net.params["fc1.weight"].data[...] = 3e38
    with pytest.raises(PlayError, match="it overflows"), np.errstate(all="ignore"):
        answer(net, digits.images[0])
