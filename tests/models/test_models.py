import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import models


@pytest.mark.parametrize("name", models.names())
class TestEveryModel:
    def test_it_gives_logits_and_every_parameter_gets_a_gradient(self, name, rng):
        model = models.get(name)
        params = model.init(rng, num_classes=7)
        logits = model.apply(params, rng.random((3, *model.INPUT_SHAPE), np.float32), training=True, rng=rng)
        assert logits.shape == (3, 7)
        assert logits.dtype == np.float32
        ac.softmax_cross_entropy(logits, np.array([0, 3, 6])).backward()
        assert all(p.grad.shape == p.shape and np.abs(p.grad).max() > 0 for p in params.values())

    def test_it_differentiates_rightly_in_one_direction(self, name, rng):
        model = models.get(name)
        x = rng.random((2, *model.INPUT_SHAPE))
        params = {k: ac.Tensor(p.data, requires_grad=True, dtype=np.float64) for k, p in model.init(rng).items()}
        direction = {k: rng.standard_normal(p.shape) for k, p in params.items()}

        def loss(step):
            moved = {k: p + step * direction[k] for k, p in params.items()}
            return ac.softmax_cross_entropy(model.apply(moved, x), np.array([1, 2]))

        loss(0.0).backward()
        analytic = sum(np.vdot(p.grad, direction[k]) for k, p in params.items())
        numerical = (loss(1e-7).item() - loss(-1e-7).item()) / 2e-7
        assert analytic == pytest.approx(numerical, rel=1e-5)

    def test_on_arrays_alone_it_gives_an_array_of_the_same_values(self, name, rng):
        model = models.get(name)
        params = model.init(rng)
        x = rng.random((2, *model.INPUT_SHAPE), np.float32)
        arrays = model.apply({k: p.data for k, p in params.items()}, x)
        assert isinstance(arrays, np.ndarray)
        np.testing.assert_array_equal(arrays, model.apply(params, x).data)

    def test_the_same_seed_gives_the_same_parameters(self, name):
        first, second = (models.get(name).init(np.random.default_rng(3)) for _ in range(2))
        assert list(first) == list(second)
        for k in first:
            np.testing.assert_array_equal(first[k].data, second[k].data)


def test_lenet5_has_the_published_layers(rng):
    assert {k: p.shape for k, p in models.lenet5.init(rng).items()} == {
        "conv1.weight": (6, 1, 5, 5),
        "conv1.bias": (6,),
        "conv2.weight": (16, 6, 5, 5),
        "conv2.bias": (16,),
        "fc1.weight": (120, 400),
        "fc1.bias": (120,),
        "fc2.weight": (84, 120),
        "fc2.bias": (84,),
        "fc3.weight": (10, 84),
        "fc3.bias": (10,),
    }


def test_lenet5_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    F = torch.nn.functional
    params = models.lenet5.init(rng)
    images, labels = rng.random((5, 1, 28, 28), np.float32), rng.integers(0, 10, 5)
    loss = ac.softmax_cross_entropy(models.lenet5.apply(params, images), labels)
    loss.backward()

    p = {k: torch.tensor(v.data, requires_grad=True) for k, v in params.items()}
    x = torch.from_numpy(images)
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2.weight"], p["conv2.bias"])), 2)
    x = F.relu(F.linear(x.flatten(1), p["fc1.weight"], p["fc1.bias"]))
    x = F.relu(F.linear(x, p["fc2.weight"], p["fc2.bias"]))
    theirs = F.cross_entropy(F.linear(x, p["fc3.weight"], p["fc3.bias"]), torch.from_numpy(labels))
    theirs.backward()
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-5)
    for k, v in params.items():
        expected = p[k].grad.numpy()
        np.testing.assert_allclose(v.grad, expected, rtol=1e-3, atol=2e-5 * np.abs(expected).max())


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(models.UnknownModelError, match=r"no model 'vgg'; the models are lenet5, mlp"):
        models.get("vgg")
