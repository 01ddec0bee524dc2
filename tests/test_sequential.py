"""sequential and the layers it is given."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn import models
from autograd_cnn.models import lenet5
from autograd_cnn.nn import layers
from autograd_cnn.nn.layers import batch_norm, conv2d, dropout, flatten, linear, max_pool2d
from autograd_cnn.nn.serialization import load_weights, match_weights, save_weights


def small(**options):
    """A bit of every layer, for images (N, 2, 8, 8)."""
    return ac.sequential(
        ("conv1", conv2d(2, 3, 3, padding=1, **options)), ("bn1", batch_norm(3)), ac.relu, max_pool2d(2),
        flatten, dropout(0.5), ("fc1", linear(48, 5, **options)), ac.tanh, ("fc2", linear(5, 4, **options)),
    )  # fmt: skip


def images(rng, count=6, dtype=np.float32):
    return rng.random((count, 2, 8, 8)).astype(dtype)


def widened(params):
    return {k: ac.Tensor(p.data, p.requires_grad, dtype=np.float64) for k, p in params.items()}


class TestNames:
    def test_places_are_counted_as_pytorch_does(self, rng):
        init, _ = ac.sequential(conv2d(1, 2, 3), ac.relu, flatten, linear(8, 4))
        assert list(init(rng)) == ["0.weight", "0.bias", "3.weight", "3.bias"]

    def test_pairs_dicts_and_keywords_name_layers(self, rng):
        init, _ = ac.sequential(
            ("first", linear(2, 3)), {"second": linear(3, 4), "act": ac.relu}, linear(4, 5), last=linear(5, 6)
        )
        assert [name for name in init(rng) if name.endswith("weight")] == [
            "first.weight", "second.weight", "3.weight", "last.weight"
        ]  # fmt: skip

    def test_names_of_parts_are_put_before_theirs(self, rng):
        init, _ = ac.sequential(("block", ac.sequential(linear(2, 3), ac.relu)), ac.sequential(a=linear(3, 4)))
        assert list(init(rng)) == ["block.0.weight", "block.0.bias", "1.a.weight", "1.a.bias"]

    @pytest.mark.parametrize(
        ("given", "named"),
        [([("a", ac.relu), ("a", ac.tanh)], {}), ([("a", ac.relu)], {"a": ac.tanh}), ([("1", ac.relu), ac.tanh], {})],
    )
    def test_two_layers_of_one_name_are_refused(self, given, named):
        with pytest.raises(ValueError, match=r"two layers are named '(a|1)'; give one of them another name"):
            ac.sequential(*given, **named)

    @pytest.mark.parametrize("name", ["", "conv.1", 3])
    def test_a_name_is_text_without_a_dot(self, name):
        with pytest.raises(ValueError, match="a layer's name must be text without a dot; got"):
            ac.sequential({name: ac.relu})


class TestErrors:
    @pytest.mark.parametrize("given", [3, None, "relu", ac.Tensor([1.0]), (ac.relu, 2)])
    def test_what_is_no_layer(self, given):
        with pytest.raises(TypeError, match=r"layer '1' must be a function of x, or a pair of functions \(init"):
            ac.sequential(ac.relu, given)

    def test_nothing(self):
        with pytest.raises(ValueError, match="expected at least one layer, got none"):
            ac.sequential()

    def test_a_maker_that_was_not_called(self):
        _, apply = ac.sequential(lambda x: x, max_pool2d)
        with pytest.raises(TypeError, match=r"layer '1' returned a function, .*; call it first to make the layer"):
            apply({}, 2)

    @pytest.mark.parametrize("name", ["conv1.weight", "conv1.bias", "bn1.running_var", "fc2.weight"])
    def test_a_missing_parameter(self, name, rng):
        init, apply = small()
        params = init(rng)
        del params[name]
        layer = name.partition(".")[0]
        with pytest.raises(
            KeyError, match=rf"layer '{layer}' needs the parameter '{name}'; the parameters given are '"
        ):
            apply(params, images(rng))
        _, nested = ac.sequential(ac.relu, model=(init, apply))
        params = {f"model.{k}": p for k, p in params.items()}
        with pytest.raises(KeyError, match=rf"layer 'model.{layer}' needs the parameter 'model.{name}'"):
            nested(params, images(rng))

    def test_no_parameters_at_all(self):
        _, apply = ac.sequential(linear(2, 3))
        with pytest.raises(KeyError, match=r"layer '0' needs the parameter '0.weight'; the parameters given are none"):
            apply({}, np.ones((1, 2)))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: conv2d(0, 3, 3), "layers.conv2d: in_channels must be an int of at least 1; got 0"),
            (lambda: conv2d(1, 2.5, 3), "layers.conv2d: out_channels must be an int of at least 1; got 2.5"),
            (lambda: conv2d(1, 3, (3, 0)), r"layers.conv2d: kernel_size is an int or a pair .* got \(3, 0\)"),
            (lambda: conv2d(3, 4, 3, groups=2), "divides 3 channels and 4 filters; got 2"),
            (lambda: linear(4, -1), "layers.linear: out_features must be an int of at least 1; got -1"),
            (lambda: batch_norm("6"), "layers.batch_norm: num_features must be an int of at least 1; got '6'"),
            (lambda: dropout(1.5), "layers.dropout: p must be a probability from 0 to 1; got 1.5"),
            (lambda: max_pool2d(0), "layers.max_pool2d: kernel_size is an int or a pair"),
        ],
    )
    def test_makers_refuse_sizes_that_are_none(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


def lenet5_of_layers():
    return ac.sequential(
        ("conv1", conv2d(1, 6, 5, padding=2)), ac.relu, max_pool2d(2),
        ("conv2", conv2d(6, 16, 5)), ac.relu, max_pool2d(2), flatten,
        ("fc1", linear(400, 120)), ac.relu, ("fc2", linear(120, 84)), ac.relu, ("fc3", linear(84, 10)),
    )  # fmt: skip


class TestLaws:
    def test_lenet5_in_layers_is_lenet5_bit_for_bit(self, rng):
        init, apply = lenet5_of_layers()
        x, labels = rng.random((3, 1, 28, 28), np.float32), np.array([1, 2, 3])
        found = []
        for model in (lenet5.init, lenet5.apply), (init, apply):
            params = model[0](np.random.default_rng(4))
            logits = model[1](params, x)
            ac.softmax_cross_entropy(logits, labels).backward()
            found.append(
                {"": logits.data} | {k: p.data for k, p in params.items()} | {k: p.grad for k, p in params.items()}
            )
        assert list(found[0]) == list(found[1])
        for k, array in found[0].items():
            np.testing.assert_array_equal(found[1][k], array)

    @given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(1, 4), st.booleans())
    def test_a_sequence_within_a_sequence_computes_the_same(self, seed, start, length, training):
        parts = [linear(4, 6), batch_norm(6), ac.tanh, dropout(0.3), linear(6, 5)]
        flat = ac.sequential(*parts)
        nested = ac.sequential(*parts[:start], ac.sequential(*parts[start : start + length]), *parts[start + length :])
        x = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
        found = []
        for init, apply in (flat, nested):
            rng = np.random.default_rng(seed)
            params = init(rng)
            logits = apply(params, x, training=training, rng=rng)
            (logits * logits).sum().backward()
            found.append([logits.data, *(p.data for p in params.values()), *(p.grad for p in params.values())])
        assert len(found[0]) == len(found[1])
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_any_function_is_a_layer(self):
        double = functools.partial(np.multiply, 2)
        _, apply = ac.sequential(lambda x: x + 1, double, layers.Layer(layers.no_parameters, lambda _, x, **__: -x))
        np.testing.assert_array_equal(apply({}, np.array([1.0, 2.0])), [-4, -6])

    def test_a_model_is_a_layer(self, rng):
        init, apply = ac.sequential(("lenet5", lenet5), ac.log_softmax)
        params = init(np.random.default_rng(0))
        assert list(params) == [f"lenet5.{name}" for name in lenet5.init(rng)]
        x = rng.random((2, 1, 28, 28), np.float32)
        expected = ac.log_softmax(lenet5.apply(lenet5.init(np.random.default_rng(0)), x))
        np.testing.assert_array_equal(apply(params, x).data, expected.data)

    def test_what_a_layer_gets_is_a_mapping_of_its_own_parameters(self):
        seen = {}

        def look(params, x, **_):
            seen.update(params)
            assert len(params) == 2
            assert "weight" in params
            assert "fc.weight" not in params
            assert params.get("scale") is None
            return x

        _, apply = ac.sequential(("net", ac.sequential(fc=(layers.no_parameters, look))), ac.relu)
        apply({"net.fc.weight": 1, "net.fc.bias": 2, "net.fc2.weight": 3, "fc.weight": 4}, np.ones(1))
        assert seen == {"weight": 1, "bias": 2}

    def test_other_initial_weights(self, rng):
        init, _ = small(init=functools.partial(ac.nn.initialization.normal, std=0.0))
        params = init(rng)
        assert not any(params[name].data.any() for name in ("conv1.weight", "fc1.weight", "fc2.weight"))
        assert params["bn1.weight"].data.all()

    def test_without_bias(self, rng):
        init, apply = ac.sequential(conv2d(2, 4, (3, 1), stride=2, groups=2, bias=False), flatten, linear(48, 3, False))
        params = init(rng)
        assert {k: p.shape for k, p in params.items()} == {"0.weight": (4, 1, 3, 1), "2.weight": (3, 48)}
        np.testing.assert_array_equal(apply(params, np.zeros((1, 2, 8, 8), np.float32)).data, np.zeros((1, 3)))


class TestGradients:
    @pytest.mark.parametrize("training", [False, True])
    def test_of_every_parameter_and_of_the_images(self, training, rng):
        init, apply = small()
        params = init(rng)
        arrays = {k: p.data.astype(np.float64) for k, p in params.items()}
        names = list(models.trainable(params))

        def loss(x, *values):
            p = arrays | dict(zip(names, values, strict=True))
            return apply(p, x, training=training, rng=np.random.default_rng(1))

        assert ac.gradcheck(loss, images(rng, 3, np.float64), *(arrays[name] for name in names))

    def test_by_grad_running_statistics_have_none(self, rng):
        init, apply = small()
        arrays = {k: p.data for k, p in init(rng).items()}
        gradient = ac.grad(lambda p: (apply(p, images(rng)) ** 2).sum())(arrays)
        assert gradient.keys() == arrays.keys()
        for k, g in gradient.items():
            assert g.any() != ("running" in k)

    def test_under_checkpoint_they_are_the_same(self, rng):
        init, apply = small()
        x, found = images(rng), []
        for f in (apply, ac.checkpoint(apply)):
            params = init(np.random.default_rng(1))
            (f(params, x, training=True, rng=np.random.default_rng(2)) ** 2).sum().backward()
            found.append([p.data if p.grad is None else p.grad for p in params.values()])
        for plain, again in zip(*found, strict=True):
            np.testing.assert_allclose(again, plain, rtol=1e-5, atol=1e-6)


class TestState:
    def test_training_moves_the_statistics_and_evaluation_uses_them(self, rng):
        init, apply = ac.sequential(batch_norm(2, momentum=0.25, eps=1e-3))
        params, x = init(rng), rng.standard_normal((8, 2)) * 3 + 1
        out = apply(params, x, training=True).data
        np.testing.assert_allclose(out.mean(0), 0, atol=1e-7)
        np.testing.assert_allclose(out, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(params["0.running_mean"].data, 0.25 * x.mean(0), rtol=1e-6)
        np.testing.assert_allclose(params["0.running_var"].data, 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-6)
        mean, variance = (params[f"0.running_{name}"].data.copy() for name in ("mean", "var"))
        np.testing.assert_allclose(apply(params, x).data, (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-6)
        np.testing.assert_array_equal(params["0.running_mean"].data, mean)

    def test_an_optimizer_takes_what_is_trainable_and_refuses_statistics(self, rng):
        init, apply = small()
        params = init(rng)
        with pytest.raises(TypeError, match=r"parameter 'bn1.running_mean' should be a Tensor made with requires_grad"):
            ac.optim.Adam(params)
        optimizer = ac.optim.Adam(models.trainable(params), lr=0.01)
        x, labels, losses = images(rng), np.arange(6) % 4, []
        for _ in range(60):
            loss = ac.softmax_cross_entropy(apply(params, x, training=True, rng=rng), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])

    def test_a_file_keeps_parameters_and_statistics(self, rng, tmp_path):
        init, apply = ac.sequential(("net", small()), ac.softmax)
        params, x = init(rng), images(rng)
        apply(params, x, training=True, rng=rng)
        save_weights(tmp_path / "w.safetensors", params)
        loaded = match_weights(load_weights(tmp_path / "w.safetensors"), init(np.random.default_rng(9)))
        assert list(models.trainable(loaded)) == list(models.trainable(params))
        np.testing.assert_array_equal(apply(loaded, x).data, apply(params, x).data)

    def test_on_arrays_alone_it_is_plain_numpy(self, rng):
        init, apply = small()
        params, x = init(rng), images(rng)
        plain = apply({k: p.data for k, p in params.items()}, x)
        assert type(plain) is np.ndarray
        np.testing.assert_array_equal(plain, apply(params, x).data)


class TestLookedInto:
    def test_summary_names_the_parameters_and_the_user_s_line(self, rng):
        init, apply = small()
        params = init(rng)
        found = ac.summary(apply, params, images(rng), training=True, rng=rng)
        named = {name for row in found.rows for name in row.parameters}
        assert named == models.trainable(params).keys()
        assert found.parameters == sum(p.size for p in models.trainable(params).values())

    def test_an_op_s_place_is_the_line_that_calls_the_model(self, rng):
        init, apply = small()
        logits = apply(init(rng), images(rng))
        assert "test_sequential.py" in str(logits.node.site)


def test_it_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1, groups=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(),
        nn.Sequential(nn.Linear(36, 5), nn.BatchNorm1d(5, eps=1e-3, momentum=0.3), nn.Tanh()), nn.Linear(5, 4),
    ).double()  # fmt: skip
    init, apply = ac.sequential(
        conv2d(2, 4, 3, 2, 1, groups=2), batch_norm(4), ac.relu, max_pool2d(2, 1), flatten,
        ac.sequential(linear(36, 5), batch_norm(5, eps=1e-3, momentum=0.3), ac.tanh), linear(5, 4),
    )  # fmt: skip
    params = widened(init(rng))
    theirs.load_state_dict({k: torch.tensor(p.data) for k, p in params.items()})  # refuses other names
    x, labels = images(rng, dtype=np.float64), rng.integers(0, 4, 6)
    for training in (True, False):
        theirs.train(training)
        logits = apply(params, x, training=training)
        ac.softmax_cross_entropy(logits, labels).backward()
        expected = theirs(torch.from_numpy(x))
        nn.functional.cross_entropy(expected, torch.from_numpy(labels)).backward()
        np.testing.assert_allclose(logits.data, expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    weights, statistics = dict(theirs.named_parameters()), dict(theirs.named_buffers())
    for k, p in params.items():
        if p.requires_grad:
            np.testing.assert_allclose(p.grad, weights[k].grad.numpy(), rtol=1e-7, atol=1e-10)
        else:
            np.testing.assert_allclose(p.data, statistics[k].numpy(), rtol=1e-9)


class TestWhatItShows:
    def test_layers_with_shapes_and_counts(self):
        net = ac.sequential(
            layers.conv2d(1, 8, 3), layers.batch_norm(8), ac.relu, layers.max_pool2d(2), layers.flatten,
            ("head", ac.sequential(layers.dropout(0.5), layers.linear(1352, 10))),
        )  # fmt: skip
        shown = [line.split() for line in repr(net).splitlines()]
        assert shown[0][:4] == ["<sequential", "of", "7", "layers,"]
        assert repr(net).splitlines()[0].endswith("13,626 trainable values>")
        rows = {line[0]: line[1:] for line in shown[3:]}
        assert rows["0"] == ["conv2d", "weight", "(8,", "1,", "3,", "3),", "bias", "(8,)", "80"]
        assert rows["1"][0] == "batch_norm"
        assert rows["1"][-1] == "16"
        assert rows["2"] == ["relu"]
        assert rows["3"][0].startswith("max_pool2d(kernel_size=(2,")
        assert rows["head.0"] == ["dropout"]
        assert rows["head.1"][0] == "linear"

    def test_a_layer_alone(self):
        assert repr(layers.linear(3, 2)) == "<Layer linear: weight (2, 3), bias (2,), 8 values>"
        assert repr(layers.dropout(0.1)) == "<Layer dropout: no parameters>"

    def test_a_layer_whose_parameters_cannot_be_made_is_shown_too(self):
        odd = ac.nn.Layer(lambda rng, size: {"w": ac.Tensor(rng.random(size))}, lambda params, x, **_: params["w"] * x)
        assert "no parameters" in repr(odd)
        assert "<lambda>" in repr(ac.sequential(odd))

    def test_calling_it_says_how_it_is_called(self):
        net = ac.sequential(layers.linear(3, 2))
        for call in (lambda: net(np.ones((1, 3))), lambda: net(), lambda: layers.linear(3, 2)(np.ones((1, 3)))):
            with pytest.raises(TypeError, match=r"params = net.init\(0\) makes .* net.apply\(params, x\)"):
                call()

    def test_a_seed_is_a_generator(self):
        net = ac.sequential(layers.linear(3, 2), layers.linear(2, 2))
        seeded, drawn = net.init(4), net.init(np.random.default_rng(4))
        for name, p in drawn.items():
            np.testing.assert_array_equal(seeded[name].data, p.data)
        assert not np.array_equal(seeded["0.weight"].data[:, :2], seeded["1.weight"].data)
        np.testing.assert_array_equal(layers.linear(3, 2).init(4)["weight"].data, seeded["0.weight"].data)
