import math

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import data, schedules, training
from autograd_cnn.data.augment import augment
from autograd_cnn.models import mlp


def toy(count=96, seed=0):
    """Two classes that a small network tells apart: a bright upper half, a bright lower half."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 1, 28, 28), np.float32) / 2
    images[labels == 0, :, :14] += 0.5
    images[labels == 1, :, 14:] += 0.5
    return data.Dataset(images, labels, ("up", "down"))


def train(epochs, history=None, params=None, optimizer=None, **options):
    params = params or mlp.init(np.random.default_rng(0), num_classes=2, hidden=8)
    optimizer = optimizer or ac.optim.SGD(params, lr=0.05, momentum=0.9)
    history = training.fit(
        mlp.apply, params, toy(), toy(40, 1), optimizer, epochs=epochs, batch_size=40, history=history, **options
    )
    return params, optimizer, history


def test_it_learns_and_records_every_step_and_epoch():
    seen = []
    _, _, history = train(8, on_step=lambda *step: seen.append(step))
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


def test_training_resumed_after_an_epoch_ends_with_the_same_bits():
    straight, _, whole = train(4, augment=augment)

    params = mlp.init(np.random.default_rng(0), num_classes=2, hidden=8)
    optimizer = ac.optim.SGD(params, lr=0.05, momentum=0.9)
    history = training.History()

    def stop_after_two(history):
        if len(history.epochs) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(4, history, params, optimizer, augment=augment, on_epoch=stop_after_two)
    assert len(history.epochs) == 2
    train(4, history, params, optimizer, augment=augment)
    assert history.step_losses == whole.step_losses
    assert history.epochs == whole.epochs
    for name, p in straight.items():
        np.testing.assert_array_equal(p.data, params[name].data)


def test_seeds_decide_the_order():
    assert train(1, seed=1)[2].step_losses == train(1, seed=1)[2].step_losses
    assert train(1, seed=1)[2].step_losses != train(1, seed=2)[2].step_losses


def test_the_schedule_moves_the_learning_rate_and_gives_it_back():
    rates = []
    params = mlp.init(np.random.default_rng(0), num_classes=2, hidden=8)
    optimizer = ac.optim.SGD(params, lr=0.05)
    train(2, params=params, optimizer=optimizer, on_step=lambda *_: rates.append(optimizer.lr))
    np.testing.assert_allclose(rates, [0.05 * schedules.cosine(i / 6) for i in range(6)])
    assert optimizer.lr == 0.05


def test_the_schedule_goes_on_where_earlier_epochs_had_more_steps():
    seen = []
    history = training.History([0.5] * 40, [training.EpochResult(1, 0.5, 1.0, 0.5, 1.0)])
    train(2, history, schedule=lambda progress: seen.append(progress) or 1.0)
    np.testing.assert_allclose(seen, [3 / 6, 4 / 6, 5 / 6])


def test_a_loss_that_is_not_finite_stops_the_training_with_advice():
    params = mlp.init(np.random.default_rng(0), num_classes=2, hidden=8)
    params["fc1.weight"].data[:] = np.nan
    with pytest.raises(
        training.TrainingError, match="loss became nan at step 1, in epoch 1; try a learning rate below"
    ):
        train(1, params=params)


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


def test_evaluation_needs_images_and_a_class_for_every_label():
    params = mlp.init(np.random.default_rng(0), num_classes=2, hidden=8)
    empty = data.Dataset(np.zeros((0, 1, 28, 28), np.float32), np.zeros(0, np.int64), ("a",))
    with pytest.raises(training.TrainingError, match="no image to evaluate on"):
        training.evaluate(mlp.apply, params, empty)
    with pytest.raises(training.TrainingError, match="no image to train on"):
        training.fit(mlp.apply, params, empty, empty, ac.optim.SGD(params, 0.1), epochs=1)
    strange = data.Dataset(np.zeros((1, 1, 28, 28), np.float32), np.array([4]), tuple("abcde"))
    with pytest.raises(training.TrainingError, match="labels up to 4, but the model has 2 classes"):
        training.evaluate(mlp.apply, params, strange)
