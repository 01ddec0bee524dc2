"""The graph of a computation: its nodes, their values and their gradients."""

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.play.computation import computation, summary
from autograd_cnn.play.wire import encode
from tests.play.conftest import untrained


def test_values_and_gradients_are_those_of_the_loss(reader, digits):
    found = computation(reader, digits.images[0], target=6)
    nodes = {node["name"]: node for node in found["nodes"] if node["kind"] in ("parameter", "input")}

    def loss(params, x):
        return ac.softmax_cross_entropy(reader.apply(params, x), np.array([6]))

    plain = {name: p.numpy() for name, p in reader.params.items()}
    value, (gradients, slope) = ac.value_and_grad(loss, argnums=(0, 1))(plain, digits.images[:1])
    assert found["loss"] == pytest.approx(float(value), rel=1e-5)
    for name, gradient in {**gradients, "image": slope}.items():
        told = nodes[name]["gradient"]
        expected = pytest.approx((gradient.min(), gradient.mean(), gradient.max()), rel=1e-3, abs=1e-6)
        assert (told["min"], told["mean"], told["max"]) == expected, name
    assert nodes["conv1.weight"]["value"]["max"] == plain["conv1.weight"].max()


def test_each_node_comes_after_those_that_it_takes_and_below_them(reader, digits):
    nodes = computation(reader, digits.images[0], target=6)["nodes"]
    assert [node["name"] for node in nodes if node["kind"] == "op"][:4] == ["conv2d", "max_pool2d", "relu", "conv2d"]
    assert nodes[-1]["kind"] == "loss"
    for number, node in enumerate(nodes):
        for source in node["sources"]:
            assert source < number
            beside = nodes[source]["kind"] == "parameter"
            assert nodes[source]["row"] == node["row"] if beside else nodes[source]["row"] < node["row"]


def test_what_is_made_of_parameters_stands_beside_what_takes_it(rng):
    net = untrained("resnet", (3, 32, 32), depth=8)
    nodes = computation(net, rng.random(net.input_shape, np.float32), target=0)["nodes"]
    assert len({(node["row"], node["column"]) for node in nodes}) == len(nodes)
    for number, node in enumerate(nodes):
        if node["name"] == "reshape":
            (taker,) = [taken for taken in nodes if number in taken["sources"]]
            (parameter,) = node["sources"]
            assert node["row"] == taker["row"] == nodes[parameter]["row"]
            assert taker["column"] < node["column"] < nodes[parameter]["column"]


@pytest.mark.parametrize("name", ac.models.names())
def test_every_model_has_a_graph_that_can_be_sent(name, rng):
    net = untrained(name, (3, 32, 32), depth=8) if name == "resnet" else untrained(name)
    found = computation(net, rng.random(net.input_shape, np.float32), target=0)
    assert all(node["gradient"] is not None for node in found["nodes"])
    assert {node["name"] for node in found["nodes"] if node["kind"] == "parameter"} == ac.models.trainable(
        net.params
    ).keys()
    assert len(encode(found)) < 2**21


def test_a_summary_counts_every_number():
    values = np.array([[-2.0, 0.0, 1.0, 1.0]], np.float32)
    found = summary(values, signed=True)
    assert sum(found["histogram"]) == 4
    assert found["histogram"][0] == 1
    assert found["histogram"][-1] == 2
    assert found["image"].tolist() == [[[0, 128, 191, 191]]]
    assert summary(np.full(3, 7.0))["histogram"][12] == 3  # of equal numbers, in the middle
    assert summary(np.zeros((200, 200)))["image"] is None
