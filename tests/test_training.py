import contextlib
import copy
import dataclasses
import functools
import json
import math

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import data, training
from autograd_cnn.data import DataLoader
from autograd_cnn.data.augment import augment
from autograd_cnn.models import mlp
from autograd_cnn.nn import layers
from autograd_cnn.optim import schedules


def toy(count=96, seed=0):
    """Two classes that a small network tells apart: a bright upper half, a bright lower half."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 1, 28, 28), np.float32) / 2
    images[labels == 0, :, :14] += 0.5
    images[labels == 1, :, 14:] += 0.5
    return data.Dataset(images, labels, ("up", "down"))


def small():
    return mlp.init(np.random.default_rng(0), num_classes=2, hidden=8)


def train(epochs, history=None, params=None, optimizer=None, *, apply=mlp.apply, loader=None, **options):
    params = params or small()
    optimizer = optimizer or ac.optim.SGD(params, lr=0.05, momentum=0.9)
    loader = DataLoader(toy(), batch_size=40, shuffle=True) if loader is None else loader
    options = {"test": toy(40, 1)} | options
    history = training.fit(apply, params, loader, optimizer=optimizer, epochs=epochs, history=history, **options)
    return params, optimizer, history


def on_step(function):
    return [training.Callback(on_step=function)]


def on_epoch(function):
    return [training.Callback(on_epoch=function)]


def assert_same(params, others):
    for name, p in params.items():
        np.testing.assert_array_equal(p.data, others[name].data)


def test_it_learns_and_records_every_step_and_epoch():
    seen = []
    _, _, history = train(8, callbacks=on_step(lambda *step: seen.append(step)))
    assert len(history.step_losses) == len(seen) == 8 * math.ceil(96 / 40)
    assert [e.epoch for e in history.epochs] == list(range(1, 9))
    assert history.epochs[-1].test_accuracy == 1.0
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss / 4
    assert history.seconds > 0
    last = [s for s in seen if s[0] == 8][-1]
    assert last[1:] == (history.epochs[-1].train_loss, history.epochs[-1].train_accuracy)


def test_the_training_loss_is_weighted_by_the_size_of_the_batches():
    _, _, history = train(1)
    assert history.epochs[0].train_loss == pytest.approx(np.average(history.step_losses, weights=[40, 40, 16]))


class StoppedError(Exception):
    """Stands for an interrupt."""


def forgetful(params, x, *, training=False, rng=None):
    """Apply the network to images with a quarter of their pixels dropped, so that it draws as well."""
    return mlp.apply(params, ac.dropout(x, 0.25, training=training, rng=rng), training=training)


def test_training_resumed_after_an_epoch_ends_with_the_same_bits():
    loader = DataLoader(toy(), batch_size=40, shuffle=True, transform=augment)
    straight, _, whole = train(4, apply=forgetful, loader=loader)

    params = small()
    optimizer = ac.optim.SGD(params, lr=0.05, momentum=0.9)
    history = training.History()

    def stop_after_two(history, params):
        if len(history.epochs) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(4, history, params, optimizer, apply=forgetful, loader=loader, callbacks=on_epoch(stop_after_two))
    assert len(history.epochs) == 2
    assert optimizer.lr == 0.05
    train(4, history, params, optimizer, apply=forgetful, loader=loader)
    assert history.step_losses == whole.step_losses
    assert history.epochs == whole.epochs
    assert_same(straight, params)


def test_a_data_set_is_shuffled_in_batches_of_32():
    plain, _, history = train(2, loader=toy())
    loaded, _, other = train(2, loader=DataLoader(toy(), batch_size=32, shuffle=True, seed=0))
    assert history.step_losses == other.step_losses
    assert history.epochs == other.epochs
    assert_same(plain, loaded)


def test_a_pair_of_images_and_labels_is_a_data_set():
    dataset, test = toy(), toy(40, 1)
    plain, _, history = train(2, loader=dataset)
    for labels in (dataset.labels, dataset.labels.astype(np.uint8), dataset.labels.tolist()):
        pair, _, other = train(2, loader=(dataset.images, labels), test=(test.images, test.labels))
        assert history.epochs == other.epochs
        assert_same(plain, pair)
    images, labels = ac.Tensor(dataset.images), ac.Tensor(dataset.labels)
    assert_same(plain, train(2, loader=[images, labels])[0])
    assert training.evaluate(mlp.apply, plain, (test.images, test.labels)).accuracy == history.epochs[-1].test_accuracy


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (np.zeros((4, 1, 28, 28)), TypeError, r"data is a ndarray: expected a Dataset or a pair \(images, labels\)"),
        ((np.zeros((4, 1, 28, 28)),), TypeError, r"expected a Dataset or a pair"),
        ((np.zeros((4, 2)), np.zeros(4)), TypeError, r"labels are float64 of shape \(4,\): expected the class of each"),
        (
            (np.zeros((4, 2)), np.eye(4, dtype=int)),
            TypeError,
            r"labels are int64 of shape \(4, 4\): expected",
        ),
        ((np.zeros((4, 2)), [0, 1, 0]), ValueError, r"images of shape \(4, 2\) and 3 labels were given"),
        ((np.zeros(()), [0]), ValueError, r"images of shape \(\) and 1 labels were given"),
        ((np.zeros((3, 2)), [0, -1, 0]), ValueError, "a label is -1: expected classes from 0"),
    ],
)
def test_data_of_another_kind_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        train(1, loader=data)


class TestWhatApplyTakes:
    """`training` and `rng` are passed to a function that has parameters of these names."""

    @pytest.mark.parametrize("names", [(), ("training",), ("rng",), ("training", "rng")])
    def test_either_may_be_left_out(self, names):
        seen = []

        def record(params, x, **options):
            if options:
                seen.append(options)
            return mlp.apply(params, x)

        functions = {
            (): lambda params, x: record(params, x),
            ("training",): lambda params, x, training=False: record(params, x, training=training),
            ("rng",): lambda params, x, *, rng=None: record(params, x, rng=rng),
            ("training", "rng"): lambda params, x, rng=None, training=False: record(
                params, x, training=training, rng=rng
            ),
        }
        params, _, _ = train(1, apply=functions[names], test=None)
        assert all(set(options) == set(names) for options in seen)
        assert len(seen) == (3 if names else 0)
        for options in seen:
            assert options.get("training", True) is True
            assert isinstance(options.get("rng", np.random.default_rng()), np.random.Generator)
        assert_same(train(1)[0], params)

    def test_a_partial_function_and_one_of_any_keywords_get_both(self):
        def apply(params, x, rate, **options):
            return forgetful(params, x, **options)

        straight = train(1, apply=forgetful)[0]
        assert_same(straight, train(1, apply=functools.partial(apply, rate=1))[0])


def test_an_optimizer_of_other_tensors_is_refused():
    """Its steps would change nothing that the model computes with."""
    params = small()
    with pytest.raises(training.TrainingError, match=r"another Tensor than params for parameter 'fc1\.weight'"):
        train(1, params=params, optimizer=ac.optim.SGD(small(), 0.1))
    optimizer = ac.optim.SGD(dict(params), 0.1)
    params["fc2.bias"] = ac.Tensor(np.zeros(2, np.float32), requires_grad=True)
    with pytest.raises(training.TrainingError, match=r"for parameter 'fc2.bias'.*as in SGD\(params, …\)"):
        train(1, params=params, optimizer=optimizer)


def test_some_parameters_may_be_left_as_they_are():
    params = small()
    last = [p for name, p in params.items() if name.startswith("fc2")]
    before = {name: p.data.copy() for name, p in params.items()}
    train(1, params=params, optimizer=ac.optim.SGD(last, 0.1))
    assert [(p.data != before[name]).any() for name, p in params.items()] == [name[:3] == "fc2" for name in params]


def test_batches_in_order_and_read_only_train_as_well():
    losses = []
    loader = DataLoader(toy(), batch_size=40, limit=90, drop_last=True)
    _, _, history = train(2, loader=loader, callbacks=on_step(lambda *step: losses.append(step)))
    assert len(history.step_losses) == len(losses) == 4
    start = mlp.apply({name: p.data for name, p in small().items()}, toy().images[:40])
    assert history.step_losses[0] == pytest.approx(float(ac.softmax_cross_entropy(start, toy().labels[:40])))


def test_epochs_begun_on_the_loader_elsewhere_change_nothing():
    loader = DataLoader(toy(), batch_size=40, shuffle=True)
    assert len(list(loader)) == 3
    assert train(1, loader=loader)[2].step_losses == train(1)[2].step_losses


def test_seeds_decide_the_order_and_the_draws_of_the_model():
    def losses(seed, **options):
        return train(1, loader=DataLoader(toy(), 40, seed=seed, **options), apply=forgetful)[2].step_losses

    assert losses(1, shuffle=True) == losses(1, shuffle=True)
    assert losses(1, shuffle=True) != losses(2, shuffle=True)
    assert losses(1) != losses(2), "in the order the images stand, only the dropout differs"


def test_the_model_s_draws_are_new_every_epoch_and_not_the_loader_s():
    draws = []

    def transform(images, rng):
        draws.append(rng.random())
        return images

    def apply(params, x, *, training=False, rng=None):
        if training:
            draws.append(rng.random())
        return mlp.apply(params, x)

    train(3, loader=DataLoader(toy(), batch_size=40, transform=transform), apply=apply)
    assert len(draws) == len(set(draws)) == 3 * 3 * 2


def test_without_a_test_set_there_are_no_figures_of_it():
    _, _, history = train(2, test=None)
    assert [(e.test_loss, e.test_accuracy) for e in history.epochs] == [(None, None)] * 2
    assert [e.train_loss for e in history.epochs] == [e.train_loss for e in train(2)[2].epochs]
    assert training.History.from_dict(json.loads(json.dumps(history.to_dict())), history.seconds) == history


def test_callbacks_are_called_in_their_order_with_what_they_are_promised():
    calls, params = [], small()

    def callback(name):
        return training.Callback(
            on_step=lambda *step: calls.append((name, *step)),
            on_epoch=lambda history, params: calls.append((name, history, params)),
        )

    _, _, history = train(2, params=params, callbacks=[callback("a"), callback("b"), training.Callback()])
    assert [call[0] for call in calls] == ["a", "b"] * 8
    kinds = ["step"] * 3 + ["epoch"]
    assert ["step" if len(call) == 4 else "epoch" for call in calls[::2]] == kinds * 2
    assert [call[1] for call in calls[::2] if len(call) == 4] == [1] * 3 + [2] * 3
    assert calls[0][2] == history.step_losses[0]
    last = [call for call in calls if len(call) == 4][-1]
    assert last[2:] == (history.epochs[-1].train_loss, history.epochs[-1].train_accuracy)
    for _, given, parameters in (call for call in calls if len(call) == 3):
        assert given is history
        assert parameters is params


def test_a_callback_ends_the_training_and_those_after_it_are_still_called():
    lengths = []

    def stop(history, params):
        if len(history.epochs) == 2:
            history.stop("enough")

    callbacks = [*on_epoch(stop), *on_epoch(lambda history, _: lengths.append(len(history.epochs)))]
    params, optimizer, history = train(5, callbacks=callbacks)
    assert lengths == [1, 2]
    assert history.stopped == "enough"
    assert optimizer.lr == 0.05
    assert training.History.from_dict(history.to_dict(), history.seconds) == history
    before = {name: p.data.copy() for name, p in params.items()}
    train(5, history, params, optimizer)
    assert len(history.epochs) == 2
    for name, p in params.items():
        np.testing.assert_array_equal(p.data, before[name])


class TestInTheMidstOfAnEpoch:
    """Training that stops after any step goes on with the same bits."""

    def train(self, stop=None, state=None):
        rng = np.random.default_rng(0)
        images, labels = rng.random((100, 1, 8, 8), np.float32), rng.integers(0, 3, 100)
        net = ac.sequential(layers.flatten, layers.linear(64, 3))
        params = net.init(rng)

        def apply(p, x, *, training=False, rng=None):
            return net.apply(p, ac.dropout(x, 0.5, training, rng))

        optimizer, history = ac.optim.Adam(params, lr=0.01), ac.training.History()
        if state is not None:
            for name, p in params.items():
                p.data[...] = state[0][name]
            optimizer.load_state_dict(state[1])
            history = state[2]

        def on_step(epoch, loss, accuracy):
            if len(history.step_losses) == stop:
                raise StoppedError

        loader = ac.data.DataLoader(
            ac.data.Dataset(images, labels, ("a", "b", "c")), 16, shuffle=True,
            transform=lambda x, rng: x + rng.normal(size=x.shape).astype(np.float32),
        )  # fmt: skip
        with contextlib.suppress(StoppedError):
            ac.training.fit(
                apply, params, loader, optimizer=optimizer, epochs=3, validation=(images, labels), history=history,
                callbacks=[ac.training.Callback(on_step)],
            )  # fmt: skip
        return {name: p.data.copy() for name, p in params.items()}, optimizer.state_dict(), history

    @pytest.mark.parametrize("stop", [1, 7, 10, 14, 21])
    def test_the_bits_are_the_same(self, stop):
        whole, (params, optimizer, history) = self.train(), self.train(stop)
        assert history.underway.steps == (stop - 1) % 7 + 1
        optimizer["lr"] = 0.01  # the checkpoint holds the highest learning rate
        resumed = self.train(state=(params, optimizer, history))
        for name, value in whole[0].items():
            np.testing.assert_array_equal(resumed[0][name], value)
        assert resumed[2].step_losses == whole[2].step_losses
        assert resumed[2].epochs == whole[2].epochs
        assert resumed[2].underway is None
        assert 0 < resumed[2].epochs[-1].validation_accuracy <= 1
        assert resumed[2].epochs[-1].test_loss is None


class TestEarlyStopping:
    @staticmethod
    def contrary():
        """Make a test set that a network which is too sure of itself fits ever worse: 15 of 40 labels are wrong."""
        test = toy(40, 1)
        labels = np.where(np.arange(40) < 15, 1 - test.labels, test.labels)
        return data.Dataset(test.images, labels, test.class_names)

    def run(self, epochs, callbacks, history=None, params=None, optimizer=None):
        params = params or small()
        optimizer = optimizer or ac.optim.SGD(params, lr=0.002, momentum=0.9)
        options = {"test": self.contrary(), "schedule": None, "callbacks": callbacks}
        return train(epochs, history, params, optimizer, **options)

    def test_it_stops_when_its_patience_is_over_and_restores_the_best(self):
        seen = []
        watch = on_epoch(lambda _, params: seen.append({name: p.data.copy() for name, p in params.items()}))
        params, optimizer, history = self.run(60, [*watch, training.early_stopping(3)])
        losses = [e.test_loss for e in history.epochs]
        best = int(np.argmin(losses))
        assert best > 0
        assert len(losses) == best + 1 + 3
        for name, p in params.items():
            np.testing.assert_array_equal(p.data, seen[best][name])
        assert training.evaluate(mlp.apply, params, self.contrary()).loss == losses[best]
        assert history.stopped == (
            f"test_loss was best after epoch {best + 1}, {losses[best]:.4g}, and 3 epochs have brought nothing better; "
            "its parameters are restored"
        )
        assert optimizer.lr == 0.002

    def test_without_restoring_the_last_parameters_stay(self):
        params, _, history = self.run(60, [training.early_stopping(3, restore_best=False)])
        assert training.evaluate(mlp.apply, params, self.contrary()).loss == history.epochs[-1].test_loss
        assert history.stopped.endswith("brought nothing better")

    def test_a_training_that_goes_on_getting_better_is_left_alone(self):
        params, _, history = train(5, callbacks=[training.early_stopping(1, metric="train_loss")])
        assert history.stopped is None
        assert_same(train(5)[0], params)

    @pytest.mark.parametrize("fresh", [False, True])
    @pytest.mark.parametrize("after", range(1, 7))
    def test_a_resumed_training_stops_and_restores_with_the_same_bits(self, after, fresh):
        straight, _, whole = self.run(60, [training.early_stopping(4)])
        assert len(whole.epochs) == 7
        params = small()
        optimizer = ac.optim.SGD(params, lr=0.002, momentum=0.9)
        callback = training.EarlyStopping(4)
        history = self.run(after, [callback], None, params, optimizer)[2]
        assert history.stopped is None
        if fresh:  # as another process would, from what was saved
            history = training.History.from_dict(json.loads(json.dumps(history.to_dict())), history.seconds)
            saved = copy.deepcopy(callback.state_dict())
            callback = training.EarlyStopping(4)
            callback.load_state_dict(saved)
        self.run(60, [callback], history, params, optimizer)
        assert history.epochs == whole.epochs
        assert history.stopped == whole.stopped
        assert_same(straight, params)

    def test_the_best_parameters_cannot_be_had_from_nowhere(self):
        params = small()
        history = training.History(epochs=[training.EpochResult(1, 0.1, 1.0, 0.0, 1.0)])
        with pytest.raises(training.TrainingError, match=r"best epoch so far was 1, but its parameters were not kept"):
            self.run(9, [training.early_stopping(3)], history, params)
        history = training.History(epochs=[training.EpochResult(1, 0.1, 1.0, 0.0, 1.0)])
        self.run(9, [training.early_stopping(3, restore_best=False)], history, params)
        assert len(history.epochs) == 4

    def test_the_best_is_known_while_training_goes_on(self):
        stopping = training.EarlyStopping(4)
        params, _, history = self.run(5, [stopping])
        losses = [e.test_loss for e in history.epochs]
        assert stopping.best_epoch == 1 + np.argmin(losses)
        assert stopping.best_value == min(losses)
        assert stopping.best_params.keys() == params.keys()
        state = stopping.state_dict()
        state["best_params"]["fc1.bias"][...] = 7
        assert not (stopping.best_params["fc1.bias"] == 7).any(), "the state is a copy"

    def test_a_callback_used_again_watches_the_new_training_alone(self):
        stopping = training.EarlyStopping(3)
        _, _, first = self.run(60, [stopping])
        _, _, second = self.run(60, [stopping])
        assert second.epochs == first.epochs
        assert second.stopped == first.stopped

    def test_epochs_trained_without_it_count(self):
        whole = self.run(60, [training.EarlyStopping(3, restore_best=False)])[2]
        params = small()
        optimizer = ac.optim.SGD(params, lr=0.002, momentum=0.9)
        history = self.run(3, [], None, params, optimizer)[2]
        self.run(60, [training.EarlyStopping(3, restore_best=False)], history, params, optimizer)
        assert history == dataclasses.replace(whole, seconds=history.seconds)

    @pytest.mark.parametrize(
        ("metric", "min_delta", "values", "stopped_after"),
        [
            ("test_loss", 0, [3, 2, 2, 2, 1], 4),
            ("test_loss", 0, [3, 2, 4, 1, 1], None),
            ("test_loss", 1, [3, 2, 2.5, 1], 3),
            ("test_loss", 1, [3, 1.9, 1, 0.95, 0.1], 4),
            ("test_loss", 0, [math.nan, math.nan, 2, math.nan, math.nan], 5),
            ("test_accuracy", 0, [0.1, 0.2, 0.2, 0.1, 0.9], 4),
            ("train_accuracy", 0.5, [0.1, 0.7, 0.9, 1.0], 4),
        ],
    )
    def test_what_counts_as_better(self, metric, min_delta, values, stopped_after):
        history = training.History()
        watch = training.early_stopping(2, min_delta, metric, restore_best=False)
        figures = {"train_loss": 0.5, "train_accuracy": 0.5, "test_loss": 0.5, "test_accuracy": 0.5}
        for epoch, value in enumerate(values, start=1):
            history.epochs.append(training.EpochResult(epoch, **figures | {metric: value}))
            watch.on_epoch(history, {})
            if history.stopped:
                break
        assert (len(history.epochs) if history.stopped else None) == stopped_after

    def test_without_a_test_set_there_is_nothing_to_watch(self):
        with pytest.raises(
            training.TrainingError, match="watches test_loss, but epoch 1 has none; give fit a test set"
        ):
            train(2, test=None, callbacks=[training.early_stopping(1)])
        train(2, test=None, callbacks=[training.early_stopping(1, metric="train_loss")])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"patience": 0}, "patience is 0: expected a whole number of epochs, 1 or more"),
            ({"patience": 1.5}, "patience is 1.5: expected"),
            ({"patience": 1, "min_delta": -1}, "min_delta is -1: expected a finite number, 0 or more"),
            ({"patience": 1, "min_delta": math.nan}, "min_delta is nan: expected"),
            ({"patience": 1, "metric": "loss"}, "metric is 'loss': expected one of test_loss, test_accuracy, train_"),
        ],
    )
    def test_wrong_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            training.early_stopping(**options)


def gradient_norm(params):
    return math.sqrt(sum(float((p.grad.astype(np.float64) ** 2).sum()) for p in params.values()))


class TestClipping:
    @pytest.mark.parametrize("clip_norm", [0.05, 0.3])
    def test_the_norm_of_all_gradients_is_bounded(self, clip_norm):
        free, norms = [], []
        params = small()
        train(2, params=params, callbacks=on_step(lambda *_: free.append(gradient_norm(params))))
        params = small()
        clipped = on_step(lambda *_: norms.append(gradient_norm(params)))
        train(2, params=params, clip_norm=clip_norm, callbacks=clipped)
        assert max(free) > clip_norm
        assert max(norms) == pytest.approx(clip_norm, rel=1e-4)

    def test_a_bound_that_is_never_reached_changes_nothing(self):
        assert train(2, clip_norm=1e6)[2].step_losses == train(2)[2].step_losses

    def test_it_is_resumed_to_the_same_bits(self):
        straight = train(3, clip_norm=0.1, schedule=None)[0]
        params, optimizer, history = train(1, clip_norm=0.1, schedule=None)
        train(3, history, params, optimizer, clip_norm=0.1, schedule=None)
        assert_same(straight, params)

    @pytest.mark.parametrize("clip_norm", [0, -1, math.nan])
    def test_a_bound_that_is_none_is_refused_before_anything_happens(self, clip_norm):
        history = training.History()
        with pytest.raises(ValueError, match=f"clip_norm is {clip_norm}: expected a number above 0, or None"):
            train(1, history, clip_norm=clip_norm)
        assert not history.step_losses

    @pytest.mark.parametrize("max_norm", [0.5, 5.0, 50.0])
    def test_it_clips_as_pytorch_does(self, max_norm, rng):
        torch = pytest.importorskip("torch")
        grads = {"a": rng.standard_normal((3, 4)), "b": rng.standard_normal(5), "none": None}
        ours = {name: ac.Tensor(np.zeros_like(g), requires_grad=True) for name, g in grads.items() if g is not None}
        ours["none"] = ac.Tensor(np.zeros(2), requires_grad=True)
        theirs = [torch.zeros(p.shape, dtype=torch.float64, requires_grad=True) for p in ours.values()]
        for (name, p), q in zip(ours.items(), theirs, strict=True):
            if grads[name] is not None:
                p.grad, q.grad = grads[name].copy(), torch.from_numpy(grads[name].copy())
        norm = ac.clip_grad_norm(ours, max_norm)
        assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm).item(), rel=1e-12)
        for p, q in zip(ours.values(), theirs, strict=True):
            if p.grad is None:
                assert q.grad is None
            else:
                np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)


def test_the_schedule_moves_the_learning_rate_and_gives_it_back():
    rates = []
    params = small()
    optimizer = ac.optim.SGD(params, lr=0.05)
    train(2, params=params, optimizer=optimizer, callbacks=on_step(lambda *_: rates.append(optimizer.lr)))
    np.testing.assert_allclose(rates, [0.05 * schedules.cosine(i / 6) for i in range(6)])
    assert optimizer.lr == 0.05


def test_the_schedule_goes_on_where_earlier_epochs_had_more_steps():
    seen = []
    history = training.History([0.5] * 40, [training.EpochResult(1, 0.5, 1.0, 0.5, 1.0)])
    train(2, history, schedule=lambda progress: seen.append(progress) or 1.0)
    np.testing.assert_allclose(seen, [3 / 6, 4 / 6, 5 / 6])


def test_a_loss_that_is_not_finite_stops_the_training_with_advice():
    params, optimizer, history = train(1)
    params["fc1.weight"].data[:] = np.nan
    with pytest.raises(
        training.TrainingError, match=r"loss became nan at step 4, in epoch 2, with learning rate 0.025; try a"
    ):
        train(2, history, params, optimizer)
    assert len(history.step_losses) == 3
    assert optimizer.lr == 0.05


def test_an_interrupt_passes_through_and_gives_the_learning_rate_back():
    def interrupt(epoch, loss, accuracy):
        if epoch == 2:
            raise KeyboardInterrupt

    params, history = small(), training.History()
    optimizer = ac.optim.SGD(params, lr=0.05, momentum=0.9)
    with pytest.raises(KeyboardInterrupt):
        train(3, history, params, optimizer, callbacks=on_step(interrupt))
    assert optimizer.lr == 0.05
    assert [e.epoch for e in history.epochs] == [1]
    rates = []
    train(3, history, params, optimizer, callbacks=on_step(lambda *_: rates.append(optimizer.lr)))
    # The second epoch goes on after its first step, with its own learning rates.
    np.testing.assert_allclose(rates, [0.05 * schedules.cosine(i / 9) for i in range(4, 9)])


def test_history_survives_json():
    _, _, history = train(2)
    again = training.History.from_dict(history.to_dict(), history.seconds)
    assert again == history


def test_evaluation_by_definition():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    dataset = data.Dataset(np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1), np.array([0, 0, 0]), ("a", "b"))
    result = training.evaluate(lambda _, x: logits[x[:, 0, 0, 0].astype(int)], {}, dataset, batch_size=2)
    odds = np.exp(logits)
    p = odds / odds.sum(1, keepdims=True)
    np.testing.assert_allclose(result.probabilities, p)
    assert result.predictions.tolist() == [0, 1, 0]
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.loss == pytest.approx(-np.log(p[:, 0]).mean())
    assert result.mean_confidence == pytest.approx(p.max(1).mean())


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
def test_evaluation_in_batches_of_any_size(batch_size):
    params = small()
    result = training.evaluate(mlp.apply, params, toy(), batch_size=batch_size)
    whole = training.evaluate(mlp.apply, params, toy())
    assert result.probabilities.shape == (96, 2)
    np.testing.assert_allclose(result.probabilities, whole.probabilities, rtol=1e-5)
    assert result.loss == pytest.approx(whole.loss, rel=1e-5)


@pytest.mark.parametrize("batch_size", [0, -5])
def test_evaluation_in_batches_of_nothing_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}: expected a whole number, 1 or more"):
        training.evaluate(mlp.apply, small(), toy(), batch_size=batch_size)


def test_evaluation_needs_images_and_a_class_for_every_label():
    params, optimizer = small(), ac.optim.SGD(small(), 0.1)
    empty = data.Dataset(np.zeros((0, 1, 28, 28), np.float32), np.zeros(0, np.int64), ("a",))
    with pytest.raises(training.TrainingError, match="no image to evaluate on"):
        training.evaluate(mlp.apply, params, empty)
    with pytest.raises(training.TrainingError, match="no image to train on"):
        training.fit(mlp.apply, params, empty, optimizer=optimizer, epochs=1)
    few = DataLoader(toy(5), drop_last=True)
    with pytest.raises(
        training.TrainingError, match=r"no image to train on; <DataLoader: 0 batches of 32 from <Dataset"
    ):
        training.fit(mlp.apply, params, few, optimizer=optimizer, epochs=1)
    history = training.History()
    with pytest.raises(training.TrainingError, match="no image to evaluate on; the test set is empty"):
        train(1, history, test=empty)
    assert not history.step_losses, "known before the first step"
    strange = data.Dataset(np.zeros((1, 1, 28, 28), np.float32), np.array([4]), tuple("abcde"))
    with pytest.raises(training.TrainingError, match="labels up to 4, but the model has 2 classes"):
        training.evaluate(mlp.apply, params, strange)
