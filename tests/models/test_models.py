import functools
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import models
from autograd_cnn.experiments.comparison.residual import torch_resnet
from autograd_cnn.models import conv3x3, convnet_bn, mlp, simple_convnet
from autograd_cnn.nn.serialization import load_weights, match_weights, save_weights
from autograd_cnn.training.run_results import first_filters


def variant(model, *, apply=None, **options):
    """A model with options of its own."""
    return SimpleNamespace(
        INPUT_SHAPE=model.INPUT_SHAPE,
        init=functools.partial(model.init, **options),
        apply=model.apply if apply is None else functools.partial(model.apply, **apply),
    )


MODELS = {name: models.get(name) for name in models.names()} | {
    "mlp of sigmoids": variant(mlp, std=1.0, apply={"activation": ac.sigmoid}),
    "conv3x3 with a hidden layer": variant(conv3x3, hidden=32),
    "simple_convnet as published": variant(simple_convnet, std=0.01),
    "simple_convnet with dropout": variant(simple_convnet, apply={"dropout": 0.5}),
    "simple_convnet with batch norm": variant(simple_convnet, batch_norm=True),
    "simple_convnet with both": variant(simple_convnet, batch_norm=True, apply={"dropout": 0.5}),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def running(params):
    """Copies of the running statistics."""
    return {name: p.data.copy() for name, p in params.items() if "running" in name}


class TestEveryModel:
    def test_it_gives_logits_and_every_parameter_gets_a_gradient(self, model, rng):
        params = model.init(rng, num_classes=7)
        logits = model.apply(params, rng.random((3, *model.INPUT_SHAPE), np.float32), training=True, rng=rng)
        assert logits.shape == (3, 7)
        assert logits.dtype == np.float32
        ac.softmax_cross_entropy(logits, np.array([0, 3, 6])).backward()
        trainable = models.trainable(params)
        assert all(p.grad.shape == p.shape and np.abs(p.grad).max() > 0 for p in trainable.values())
        rest = params.keys() - trainable.keys()
        assert rest == running(params).keys()
        assert all(params[name].grad is None for name in rest)

    @pytest.mark.parametrize("size", [0, 1, 5])
    def test_a_batch_has_any_size(self, model, size, rng):
        x = rng.random((size, *model.INPUT_SHAPE), np.float32)
        params = model.init(rng)
        logits = model.apply(params, x).data
        assert logits.shape == (size, 10)
        for i in range(size):
            np.testing.assert_allclose(logits[i : i + 1], model.apply(params, x[i : i + 1]).data, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("training", [False, True])
    def test_it_differentiates_rightly_in_one_direction(self, model, training, rng):
        x = rng.random((3, *model.INPUT_SHAPE))
        params = {
            k: ac.Tensor(p.data, requires_grad=p.requires_grad, dtype=np.float64) for k, p in model.init(rng).items()
        }
        direction = {k: rng.standard_normal(p.shape) * np.abs(p.data).mean() for k, p in params.items()}
        trainable = models.trainable(params)

        def loss(step):
            moved = params | {k: p + step * direction[k] for k, p in trainable.items()}
            logits = model.apply(moved, x, training=training, rng=np.random.default_rng(1))
            return ac.softmax_cross_entropy(logits, np.array([1, 2, 3]))

        loss(0.0).backward()
        analytic = sum(np.vdot(p.grad, direction[k]) for k, p in trainable.items())
        step = 1e-8  # so small that no unit of some ten thousand crosses its kink
        numerical = (loss(step).item() - loss(-step).item()) / (2 * step)
        assert analytic == pytest.approx(numerical, rel=1e-5)

    def test_on_arrays_alone_it_gives_an_array_of_the_same_values(self, model, rng):
        params = model.init(rng)
        x = rng.random((2, *model.INPUT_SHAPE), np.float32)
        arrays = model.apply({k: p.data for k, p in params.items()}, x)
        assert isinstance(arrays, np.ndarray)
        np.testing.assert_array_equal(arrays, model.apply(params, x).data)

    def test_the_same_seed_gives_the_same_parameters(self, model):
        first, second = (model.init(np.random.default_rng(3)) for _ in range(2))
        assert list(first) == list(second)
        for k in first:
            np.testing.assert_array_equal(first[k].data, second[k].data)

    def test_evaluation_changes_nothing_and_training_moves_all_running_statistics(self, model, rng):
        params = model.init(rng)
        before = {k: p.data.copy() for k, p in params.items()}
        x = rng.random((4, *model.INPUT_SHAPE), np.float32)
        model.apply(params, x)
        for k, p in params.items():
            np.testing.assert_array_equal(p.data, before[k])
        model.apply(params, x, training=True, rng=rng)
        for k, p in params.items():
            assert ("running" in k) != np.array_equal(p.data, before[k])

    def test_what_it_learned_survives_a_file(self, model, rng, tmp_path):
        params = model.init(rng)
        x = rng.random((4, *model.INPUT_SHAPE), np.float32)
        model.apply(params, x, training=True, rng=rng)
        save_weights(tmp_path / "weights.safetensors", params)
        loaded = match_weights(load_weights(tmp_path / "weights.safetensors"), model.init(np.random.default_rng(9)))
        assert list(loaded) == list(params)
        assert [p.requires_grad for p in loaded.values()] == [p.requires_grad for p in params.values()]
        np.testing.assert_array_equal(model.apply(loaded, x).data, model.apply(params, x).data)
        model.apply(loaded, x, training=True, rng=rng)  # the statistics read from a file move too

    def test_summary_counts_what_is_trained(self, model, rng):
        params = model.init(rng)
        x = rng.random((2, *model.INPUT_SHAPE), np.float32)
        found = ac.summary(model.apply, params, x, training=True, rng=rng)
        trainable = {name: p.size for name, p in models.trainable(params).items()}
        assert found.parameters == sum(trainable.values())
        assert {name: size for row in found.rows for name, size in row.parameters.items()} == trainable

    def test_the_first_filters_have_the_channels_of_the_images(self, model, rng):
        filters = first_filters(model.init(rng), model.INPUT_SHAPE)
        assert filters.ndim == 4
        assert filters.shape[1] == model.INPUT_SHAPE[0]

    def test_under_checkpoint_it_has_the_same_gradients_and_statistics(self, model, rng):
        x = rng.random((3, *model.INPUT_SHAPE), np.float32)
        found = []
        for apply in (model.apply, ac.checkpoint(model.apply)):
            params = model.init(np.random.default_rng(1))
            logits = apply(params, x, training=True, rng=np.random.default_rng(2))
            ac.softmax_cross_entropy(logits, np.array([0, 3, 6])).backward()
            found.append({k: p.data if p.grad is None else p.grad for k, p in params.items()})
        for k, plain in found[0].items():
            np.testing.assert_allclose(found[1][k], plain, rtol=1e-4, atol=1e-6 * np.abs(plain).max())


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


def test_variants_have_their_layers(rng):
    assert list(conv3x3.init(rng)) == ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias"]
    hidden = conv3x3.init(rng, hidden=512)
    assert hidden["fc1.weight"].shape == (512, 8 * 13 * 13)
    assert hidden["fc2.weight"].shape == (10, 512)
    plain, normalized = simple_convnet.init(rng), simple_convnet.init(rng, batch_norm=True)
    assert plain["fc1.weight"].shape == (100, 30 * 12 * 12)
    assert {name.partition(".")[0] for name in normalized.keys() - plain.keys()} == {"bn1", "bn2"}


def test_std_is_that_of_the_weights_drawn(rng):
    for init, std in ((simple_convnet.init, 0.01), (mlp.init, 1.0)):
        params = init(rng, std=std)
        weights = [p.data for name, p in params.items() if name.endswith("weight")]
        assert np.concatenate([w.ravel() for w in weights]).std() == pytest.approx(std, rel=0.02)
        assert all(not p.data.any() for name, p in params.items() if name.endswith("bias"))


def test_the_default_mlp_is_the_relu_network_of_he_weights(rng):
    params = mlp.init(np.random.default_rng(4))
    draws = np.random.default_rng(4)
    for name, shape in (("fc1", (300, 784)), ("fc2", (10, 300))):
        np.testing.assert_array_equal(params[f"{name}.weight"].data, ac.nn.initialization.he(draws, shape).data)
    x = rng.random((2, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(mlp.apply(params, x).data, mlp.apply(params, x, activation=ac.relu).data)


def test_conv3x3_shifts_the_pixels_by_a_half(rng):
    params = conv3x3.init(rng)
    gray = np.full((1, 1, 28, 28), 0.5, np.float32)
    np.testing.assert_array_equal(conv3x3.apply(params, gray).data, np.zeros((1, 10)))


def test_dropout_draws_from_the_generator_given(rng):
    params, x = convnet_bn.init(rng), rng.random((4, 1, 28, 28), np.float32)
    first, second, other = (
        convnet_bn.apply(params, x, training=True, rng=np.random.default_rng(seed)).data for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    with pytest.raises(TypeError, match="training needs rng"):
        convnet_bn.apply(params, x, training=True)
    assert np.isfinite(convnet_bn.apply(params, x, training=True, dropout=0.0).data).all()


def theirs(name):
    """The model as PyTorch's users would build it, with the names of ours, and our model without dropout."""
    nn = pytest.importorskip("torch", reason="PyTorch is not installed").nn
    relu, pool, flat = nn.ReLU, lambda: nn.MaxPool2d(2), nn.Flatten
    if name.startswith("resnet"):
        depth = int(name.partition(" of depth ")[2] or 14)
        return variant(models.resnet, depth=depth), torch_resnet(depth)
    ours, parts = {
        "lenet5": (models.lenet5, {
            "conv1": nn.Conv2d(1, 6, 5, padding=2), "a": relu(), "b": pool(),
            "conv2": nn.Conv2d(6, 16, 5), "c": relu(), "d": pool(), "e": flat(),
            "fc1": nn.Linear(400, 120), "f": relu(), "fc2": nn.Linear(120, 84), "g": relu(), "fc3": nn.Linear(84, 10),
        }),
        "mlp": (mlp, {"a": flat(), "fc1": nn.Linear(784, 300), "b": relu(), "fc2": nn.Linear(300, 10)}),
        "mlp of sigmoids": (MODELS["mlp of sigmoids"], {
            "a": flat(), "fc1": nn.Linear(784, 300), "b": nn.Sigmoid(), "fc2": nn.Linear(300, 10),
        }),
        "conv3x3": (conv3x3, {"conv1": nn.Conv2d(1, 8, 3), "a": pool(), "b": flat(), "fc1": nn.Linear(1352, 10)}),
        "conv3x3 with a hidden layer": (MODELS["conv3x3 with a hidden layer"], {
            "conv1": nn.Conv2d(1, 8, 3), "a": pool(), "b": flat(),
            "fc1": nn.Linear(1352, 32), "c": relu(), "fc2": nn.Linear(32, 10),
        }),
        "simple_convnet": (simple_convnet, {
            "conv1": nn.Conv2d(1, 30, 5), "a": relu(), "b": pool(), "c": flat(),
            "fc1": nn.Linear(4320, 100), "d": relu(), "fc2": nn.Linear(100, 10),
        }),
        "simple_convnet with batch norm": (MODELS["simple_convnet with batch norm"], {
            "conv1": nn.Conv2d(1, 30, 5), "bn1": nn.BatchNorm2d(30), "a": relu(), "b": pool(), "c": flat(),
            "fc1": nn.Linear(4320, 100), "bn2": nn.BatchNorm1d(100), "d": relu(), "fc2": nn.Linear(100, 10),
        }),
        "convnet_bn": (variant(convnet_bn, apply={"dropout": 0.0}), {
            "conv1": nn.Conv2d(1, 32, 5, padding=2, bias=False), "bn1": nn.BatchNorm2d(32), "a": relu(), "b": pool(),
            "conv2": nn.Conv2d(32, 64, 3, padding=1, bias=False), "bn2": nn.BatchNorm2d(64), "c": relu(), "d": pool(),
            "conv3": nn.Conv2d(64, 128, 3, padding=1, bias=False), "bn3": nn.BatchNorm2d(128), "e": relu(), "f": pool(),
            "g": flat(), "fc1": nn.Linear(1152, 10),
        }),
    }[name]  # fmt: skip
    return ours, nn.Sequential(OrderedDict(parts))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *models.names(),
        "resnet of depth 8",
        "mlp of sigmoids",
        "conv3x3 with a hidden layer",
        "simple_convnet with batch norm",
    ],
)
def test_it_agrees_with_pytorch(name, training, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model, module = theirs(name)
    params = {k: ac.Tensor(p.data, p.requires_grad, dtype=np.float64) for k, p in model.init(rng).items()}
    for p in running(params):
        params[p].data += rng.random(params[p].shape) / 10
    module.double().load_state_dict({k: torch.tensor(p.data) for k, p in params.items()})  # refuses other names
    module.train(training)

    images, labels = rng.random((6, *model.INPUT_SHAPE)), rng.integers(0, 10, 6)
    logits = model.apply(params, images, training=training)
    ac.softmax_cross_entropy(logits, labels).backward()
    given = torch.from_numpy(images - 0.5 if name.startswith("conv3x3") else images)
    expected = module(given)
    torch.nn.functional.cross_entropy(expected, torch.from_numpy(labels)).backward()

    np.testing.assert_allclose(logits.data, expected.detach().numpy(), rtol=1e-9, atol=1e-11)
    weights, statistics = dict(module.named_parameters()), dict(module.named_buffers())
    for k, p in params.items():
        if p.requires_grad:
            gradient = weights[k].grad.numpy()
            np.testing.assert_allclose(p.grad, gradient, rtol=1e-7, atol=1e-9 * max(1e-3, np.abs(gradient).max()))
        else:
            np.testing.assert_allclose(p.data, statistics[k].numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in models.names() if name != "resnet"])
class TestOtherImages:
    @pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (32, 32)), (2, (29, 40)), (4, (17, 16))])
    def test_any_channels_and_size(self, name, channels, size, rng):
        model = models.get(name)
        params = model.init(rng, in_channels=channels, num_classes=3, image_size=size)
        x = rng.random((2, channels, *size), np.float32)
        assert model.apply(params, x, training=True, rng=rng).shape == (2, 3)

    def test_one_number_is_a_square(self, name):
        model = models.get(name)
        square, pair = model.init(0, image_size=32), model.init(0, image_size=[32, 32])
        assert {k: p.shape for k, p in square.items()} == {k: p.shape for k, p in pair.items()}

    def test_images_of_which_nothing_is_left_are_refused(self, name, rng):
        model = models.get(name)
        if name == "mlp":
            assert model.apply(model.init(0, image_size=1), rng.random((2, 1, 1, 1), np.float32)).shape == (2, 10)
            return
        with pytest.raises(ValueError, match=rf"{name} takes images of at least (\d+)×\1; got 3×30") as refused:
            model.init(0, image_size=(3, 30))
        least = int(str(refused.value).partition("least ")[2].partition("×")[0])
        params = model.init(0, image_size=least)
        assert model.apply(params, rng.random((2, 1, least, least), np.float32)).shape == (2, 10)

    @pytest.mark.parametrize("size", [0, (28, 0), (28,), "28", 28.5])
    def test_what_is_no_size_is_refused(self, name, size):
        with pytest.raises(ValueError, match=f"{name}: image_size"):
            models.get(name).init(0, image_size=size)


@pytest.mark.parametrize("name", models.names())
def test_a_seed_is_a_generator(name):
    seeded, drawn = models.get(name).init(5), models.get(name).init(np.random.default_rng(5))
    for k, p in drawn.items():
        np.testing.assert_array_equal(seeded[k].data, p.data)


class TestResnet:
    @pytest.mark.parametrize(("depth", "parameters"), [(8, 75290), (14, 172506), (20, 269722)])
    def test_depth_is_the_number_of_layers_with_weights(self, depth, parameters):
        params = models.resnet.init(0, depth=depth)
        assert sum(p.ndim > 1 for p in params.values()) == depth
        # He and others' table 6 has 0.27 million for depth 20.
        assert sum(p.size for p in models.trainable(params).values()) == parameters

    @pytest.mark.parametrize("depth", [2, 9, 0, -4, 18])
    def test_another_depth_is_refused(self, depth):
        with pytest.raises(ValueError, match=rf"depth is {depth}: expected 8, 14, 20"):
            models.resnet.init(0, depth=depth)

    @pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 41, 25), (3, 1, 1)])
    def test_images_have_any_size(self, shape, rng):
        params = models.resnet.init(0, in_channels=shape[0], num_classes=3, depth=8)
        assert models.resnet.apply(params, rng.random((2, *shape), np.float32)).shape == (2, 3)

    def test_a_shortcut_hands_its_input_on(self, rng):
        """With all weights of a block at zero, it computes the identity of what is not negative."""
        params = models.resnet.init(0, depth=8)
        for name, p in params.items():
            if name.startswith("layer") and name.endswith(("conv1.weight", "conv2.weight")):
                p.data = np.zeros_like(p.data)
        x = rng.random((2, 3, 32, 32), np.float32)
        stem = ac.relu(ac.conv2d(x, params["conv1.weight"].data, padding=1) / np.float32(np.sqrt(1 + 1e-5)))
        means = stem[:, :, ::4, ::4].mean((2, 3))
        padded = np.concatenate([means, np.zeros((2, 48), np.float32)], 1)
        expected = padded @ params["fc.weight"].data.T
        np.testing.assert_allclose(models.resnet.apply(params, x).data, expected, rtol=1e-4, atol=1e-5)


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(models.UnknownModelError, match=r"no model 'vgg'; the models are lenet5, mlp, conv3x3"):
        models.get("vgg")
