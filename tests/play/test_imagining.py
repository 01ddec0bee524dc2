"""Saliency, nudge and dream: gradients by the pixels, and what is done with them."""

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.play import imagining
from autograd_cnn.play.errors import PlayError
from tests.play.conftest import untrained


def test_saliency_is_the_slope_of_the_score(digits, rng):
    net = untrained("mlp")  # in float32, but nearly linear over a small step
    x, direction = 0.2 + 0.6 * digits.images[0], rng.standard_normal((1, 28, 28)).astype(np.float32)
    found = imagining.saliency(net, x, target=4)
    step = 1e-3

    def score(pixels):
        return net.model.apply({k: p.numpy() for k, p in net.params.items()}, pixels[np.newaxis])[0, 4]

    slope = (score(x + step * direction) - score(x - step * direction)) / (2 * step)
    assert (found["gradient"] * direction).sum() == pytest.approx(slope, rel=0.02)
    assert found["score"] == pytest.approx(score(x), rel=1e-5)


def test_saliency_leaves_no_gradient_in_the_parameters(digits):
    net = untrained("lenet5")
    imagining.saliency(net, digits.images[0], target=4)
    list(imagining.nudge(net, digits.images[0], target=4))
    assert all(p.grad is None for p in net.params.values())


@pytest.mark.parametrize("target", range(10))
def test_a_nudge_ends_where_the_network_reads_the_other_digit(reader, digits, target):
    start = digits.images[0]
    steps = list(imagining.nudge(reader, start, target))
    first, last = steps[0], steps[-1]
    assert np.array_equal(first["pixels"], start)
    assert first["norm"] == 0
    assert last["reached"]
    assert last["label"] == target
    assert [step["reached"] for step in steps[:-1]] == [False] * (len(steps) - 1)
    assert reader.predict(last["pixels"])[0][0] == target
    difference = last["pixels"] - start
    assert last["norm"] == pytest.approx(np.sqrt((difference**2).sum()), rel=1e-5)
    assert last["largest"] == pytest.approx(np.abs(difference).max())
    assert last["mean"] == pytest.approx(np.abs(difference).mean(), rel=1e-5)
    assert last["norm"] < 0.5 * np.linalg.norm(start)
    assert 0 <= last["pixels"].min() <= last["pixels"].max() <= 1


def test_a_nudge_without_a_gradient_ends(digits):
    net = untrained("mlp")
    for p in net.params.values():
        p.data[...] = 0
    steps = list(imagining.nudge(net, digits.images[0], target=3))
    assert [step["reached"] for step in steps] == [False]


@pytest.mark.parametrize("target", [0, 7])
def test_a_dream_becomes_what_it_is_of(reader, target):
    steps = list(imagining.dream(reader, target, seed=1))
    assert len(steps) == imagining.DREAM_STEPS + 1
    assert steps[-1]["label"] == target
    assert steps[-1]["probabilities"][target] > 0.9
    assert np.median(steps[0]["pixels"]) > 0.1
    assert np.median(steps[-1]["pixels"]) < 0.05  # it fades to the paper
    again = list(imagining.dream(reader, target, seed=1))
    assert np.array_equal(steps[-1]["pixels"], again[-1]["pixels"])
    other = list(imagining.dream(reader, target, seed=2))
    assert not np.array_equal(steps[-1]["pixels"], other[-1]["pixels"])


def test_every_model_can_be_imagined_with(rng):
    for name in ac.models.names():
        net = untrained(name, (3, 32, 32)) if name == "resnet" else untrained(name)
        pixels = rng.random(net.input_shape, np.float32)
        assert np.abs(imagining.saliency(net, pixels, 2)["gradient"]).max() > 0
        *_, last = imagining.nudge(net, pixels, 2)
        assert last["label"] == 2


def test_there_are_so_many_classes(reader, digits):
    for function in (imagining.saliency, lambda *given: next(imagining.nudge(*given))):
        with pytest.raises(PlayError, match="there is no class 10: expected 0 to 9"):
            function(reader, digits.images[0], 10)
    with pytest.raises(PlayError, match="there is no class 10"):
        next(imagining.dream(reader, 10))
