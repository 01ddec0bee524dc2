"""The training loop and the evaluation of a model, given as its `apply` function and its parameters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import ops
from autograd_cnn.data import Dataset
from autograd_cnn.graph import Array
from autograd_cnn.metrics import accuracy
from autograd_cnn.models import Params
from autograd_cnn.optim import Optimizer
from autograd_cnn.schedules import Schedule, cosine

Apply = Callable[..., Any]
Augment = Callable[[Array, np.random.Generator], Array]


class TrainingError(Exception):
    """Training that cannot go on; the message says why and what to try."""


@dataclass(frozen=True)
class EpochResult:
    """Losses and accuracies of one epoch.

    Those of training are means over the epoch's batches, as the weights moved; those of the test set are taken
    at the epoch's end.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass
class History:
    """What training has been through: the loss of every step, the result of every epoch, and the seconds."""

    step_losses: list[float] = field(default_factory=list)
    epochs: list[EpochResult] = field(default_factory=list)
    seconds: float = 0.0
    """Seconds of training alone, without the evaluations."""

    def to_dict(self) -> dict[str, Any]:
        """Give plain lists and dicts, as they go into a JSON file."""
        return {"steps": {"loss": self.step_losses}, "epochs": [vars(e) for e in self.epochs]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], seconds: float) -> History:
        """Read what `to_dict` gave."""
        return cls(list(plain["steps"]["loss"]), [EpochResult(**e) for e in plain["epochs"]], seconds)


@dataclass(frozen=True)
class Evaluation:
    """What a model makes of a labelled data set.

    Attributes
    ----------
    probabilities : ndarray, (N, C)
    predictions : ndarray of int, (N,)
        The most probable class of each image.
    loss, accuracy : float
        Mean cross-entropy, and the share of right predictions.
    mean_confidence : float
        Mean probability of the predicted class.
    """

    probabilities: Array
    predictions: NDArray[np.int64]
    loss: float
    accuracy: float
    mean_confidence: float


def batches(count: int, batch_size: int, order: NDArray[np.int64] | None = None) -> Iterator[Any]:
    """Give the indices of one batch after another, in `order` or as slices in the order they stand."""
    for start in range(0, count, batch_size):
        yield slice(start, start + batch_size) if order is None else order[start : start + batch_size]


def fit(
    apply: Apply,
    params: Params,
    train: Dataset,
    test: Dataset,
    optimizer: Optimizer,
    *,
    epochs: int,
    batch_size: int = 32,
    seed: int = 0,
    augment: Augment | None = None,
    schedule: Schedule | None = cosine,
    history: History | None = None,
    on_step: Callable[[int, float, float], None] | None = None,
    on_epoch: Callable[[History], None] | None = None,
) -> History:
    """Train `params` in place by minimizing the softmax cross-entropy of `apply(params, images)`.

    Every epoch draws its order, augmentation and dropout from a generator of its own, seeded with (seed,
    epoch): training that stops after an epoch and goes on later ends with the same bits.

    Parameters
    ----------
    apply : callable
        `apply(params, images, training=True, rng=rng)` gives logits (N, C).
    params : dict of str to Tensor
        The parameters, which `optimizer` updates.
    train, test : Dataset
        Images of the model's size. The test set is evaluated at the end of every epoch.
    optimizer : Optimizer
        Its `lr` is the highest learning rate.
    epochs : int
        The total, with those of `history`.
    batch_size : int
        The last batch of an epoch may be smaller.
    seed : int
        Seeds every random draw.
    augment : callable, optional
        `augment(images, rng)` gives the images to train on.
    schedule : callable, optional
        The share of the learning rate at a given progress, 0 to 1, as in `schedules`; constant if None.
    history : History, optional
        Go on from here: the next epoch is the one after its last.
    on_step : callable, optional
        Called after each step with the epoch, the loss and the accuracy so far in the epoch.
    on_epoch : callable, optional
        Called after each epoch with the history.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the loss is not finite, or there is nothing to train on.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> from autograd_cnn import data, training
    >>> rng = np.random.default_rng(0)
    >>> images = rng.random((64, 1, 28, 28), np.float32)
    >>> toy = data.Dataset(images, (images.mean((1, 2, 3)) > 0.5).astype(np.int64), ("dark", "bright"))
    >>> params = ac.models.mlp.init(rng, num_classes=2)
    >>> optimizer = ac.optim.SGD(params, lr=0.1)
    >>> history = training.fit(ac.models.mlp.apply, params, toy, toy, optimizer, epochs=2)
    >>> len(history.epochs), len(history.step_losses)
    (2, 4)
    """
    if not len(train):
        raise TrainingError("there is no image to train on; the training set is empty")
    history = History() if history is None else history
    peak = optimizer.lr
    epoch_steps = math.ceil(len(train) / batch_size)
    try:
        for epoch in range(len(history.epochs) + 1, epochs + 1):
            started = time.perf_counter()
            rng = np.random.default_rng([seed, epoch])
            loss_sum, right, seen = 0.0, 0, 0
            order = rng.permutation(len(train))
            for done, index in enumerate(batches(len(train), batch_size, order), (epoch - 1) * epoch_steps):
                if schedule is not None:
                    optimizer.lr = peak * schedule(done / (epochs * epoch_steps))
                images, labels = train.images[index], train.labels[index]
                if augment is not None:
                    images = augment(images, rng)
                logits = apply(params, images, training=True, rng=rng)
                loss = ops.softmax_cross_entropy(logits, labels)
                value = loss.item()
                if not math.isfinite(value):
                    raise TrainingError(
                        f"the loss became {value} at step {len(history.step_losses) + 1}, in epoch {epoch}; "
                        f"try a learning rate below {peak:g}"
                    )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                history.step_losses.append(value)
                seen += len(labels)
                loss_sum += value * len(labels)
                right += int((logits.argmax(1) == labels).sum())
                if on_step is not None:
                    on_step(epoch, loss_sum / seen, right / seen)
            history.seconds += time.perf_counter() - started
            result = evaluate(apply, params, test)
            history.epochs.append(EpochResult(epoch, loss_sum / seen, right / seen, result.loss, result.accuracy))
            if on_epoch is not None:
                on_epoch(history)
    finally:
        optimizer.lr = peak
    return history


def predict(apply: Apply, params: Params, images: Array, *, batch_size: int = 256) -> Array:
    """Give the logits (N, C) of images (N, C, H, W), a batch at a time and without recording anything."""
    frozen = {name: p.data for name, p in params.items()}  # on arrays alone, ops are plain NumPy
    return np.concatenate([apply(frozen, images[i]) for i in batches(len(images), batch_size)])


def evaluate(apply: Apply, params: Params, dataset: Dataset, *, batch_size: int = 256) -> Evaluation:
    """Compare a model's predictions with a data set's labels.

    Raises
    ------
    TrainingError
        If the data set is empty, or has a label the model has no class for.
    """
    if not len(dataset):
        raise TrainingError("there is no image to evaluate on; the data set is empty")
    logits = predict(apply, params, dataset.images, batch_size=batch_size)
    classes = logits.shape[1]
    if dataset.labels.max() >= classes:
        raise TrainingError(
            f"the data set has labels up to {dataset.labels.max()}, but the model has {classes} classes"
        )
    probabilities = ops.softmax(logits)
    predictions = probabilities.argmax(1)
    return Evaluation(
        probabilities,
        predictions,
        loss=float(ops.softmax_cross_entropy(logits, dataset.labels)),
        accuracy=accuracy(dataset.labels, predictions),
        mean_confidence=float(probabilities.max(1).mean()),
    )
