"""The training loop and the evaluation of a model, given as its `apply` function and its parameters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import ops
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.graph import Array
from autograd_cnn.optim import Optimizer
from autograd_cnn.optim.clipping import clip_grad_norm
from autograd_cnn.optim.schedules import Schedule, cosine
from autograd_cnn.tensor import Params
from autograd_cnn.training.metrics import accuracy

Apply = Callable[..., Any]
Loss = Callable[[Any, Any], Any]


class TrainingError(Exception):
    """Training that cannot go on; the message says why and what to try."""


@dataclass(frozen=True)
class EpochResult:
    """Losses and accuracies of one epoch.

    Those of training are means over the epoch's batches, as the weights moved; those of the test set are taken
    at the epoch's end, and are None without one.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None = None
    test_accuracy: float | None = None


@dataclass
class History:
    """What training has been through: the loss of every step, the result of every epoch, and the seconds."""

    step_losses: list[float] = field(default_factory=list)
    epochs: list[EpochResult] = field(default_factory=list)
    seconds: float = 0.0
    """Seconds of training alone, without the evaluations."""
    stopped: str | None = None
    """Why training ended before its last epoch, if it did."""

    def to_dict(self) -> dict[str, Any]:
        """Give plain lists and dicts, as they go into a JSON file."""
        plain = {"steps": {"loss": self.step_losses}, "epochs": [vars(e) for e in self.epochs]}
        return plain if self.stopped is None else plain | {"stopped": self.stopped}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], seconds: float) -> History:
        """Read what `to_dict` gave."""
        epochs = [EpochResult(**e) for e in plain["epochs"]]
        return cls(list(plain["steps"]["loss"]), epochs, seconds, plain.get("stopped"))


@dataclass(frozen=True)
class Callback:
    """Functions that `fit` calls as it goes on; either may be left out.

    Attributes
    ----------
    on_step : callable, optional
        `on_step(epoch, loss, accuracy)` is called after each step, with the epoch's number and its means so far.
    on_epoch : callable, optional
        `on_epoch(history, params)` is called after each epoch. It ends the training by setting
        `history.stopped` to the reason.
    """

    on_step: Callable[[int, float, float], None] | None = None
    on_epoch: Callable[[History, Params], None] | None = None


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


def early_stopping(
    patience: int,
    min_delta: float = 0.0,
    metric: str = "test_loss",
    restore_best: bool = True,
    *,
    best: dict[str, Array] | None = None,
) -> Callback:
    """Make a callback that ends the training when it no longer gets better.

    A training that reaches its last epoch keeps that epoch's parameters, so that it can go on from there. Callbacks
    that save the parameters belong after this one, which may restore them.

    Parameters
    ----------
    patience : int
        Epochs without an improvement after which to stop, at least 1.
    min_delta : float, default 0
        What counts as an improvement is a change for the better by more than this.
    metric : {"test_loss", "test_accuracy", "train_loss", "train_accuracy"}
        What to watch: a loss is to fall, an accuracy to rise.
    restore_best : bool, default True
        Give the parameters the values back that they had after the best epoch.
    best : dict, optional
        Is filled with those values, arrays by name. To resume in another process, save it with the checkpoint and
        give it again; to resume in this one, give `fit` the same callback.

    Returns
    -------
    Callback

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    L. Prechelt, "Early Stopping — But When?", 1998.

    Examples
    --------
    >>> watch = early_stopping(patience=1, restore_best=False)
    >>> history = History()
    >>> for epoch, loss in enumerate((0.5, 0.3, 0.4), start=1):
    ...     history.epochs.append(EpochResult(epoch, 0.2, 0.9, loss, 0.8))
    ...     watch.on_epoch(history, {})
    >>> history.stopped
    'test_loss was best after epoch 2, 0.3, and 1 epoch has brought nothing better'
    """
    metrics = [f"{split}_{figure}" for split in ("test", "train") for figure in ("loss", "accuracy")]
    if metric not in metrics:
        raise ValueError(f"metric is {metric!r}: expected one of {', '.join(metrics)}")
    if not isinstance(patience, int) or patience < 1:
        raise ValueError(f"patience is {patience!r}: expected a whole number of epochs, 1 or more")
    if not 0 <= min_delta < math.inf:
        raise ValueError(f"min_delta is {min_delta!r}: expected a finite number, 0 or more")
    kept: dict[str, Array] = {} if best is None else best
    sign = 1 if metric.endswith("loss") else -1

    def watch(history: History, params: Params) -> None:
        # All is computed anew from the history, so that a resumed training stops where it would have.
        top, costs = 0, []
        for i, result in enumerate(history.epochs):
            value = getattr(result, metric)
            if value is None:
                raise TrainingError(
                    f"early stopping watches {metric}, but epoch {result.epoch} has none; "
                    "give fit a test set, or watch train_loss"
                )
            costs.append(math.inf if math.isnan(value) else sign * value)
            if costs[i] < costs[top] - min_delta:
                top = i
        waited = len(costs) - 1 - top
        if restore_best and not waited:
            kept.update((name, p.data.copy()) for name, p in params.items())
        if restore_best and kept.keys() != params.keys():
            raise TrainingError(
                f"the best epoch so far was {history.epochs[top].epoch}, but its parameters were not kept; resume "
                "with the callback that saw it, or give early_stopping the `best` that was filled"
            )
        if waited >= patience:
            if restore_best:
                for name, p in params.items():
                    p.data[...] = kept[name]
            epochs = "1 epoch has" if waited == 1 else f"{waited} epochs have"
            history.stopped = (
                f"{metric} was best after epoch {history.epochs[top].epoch}, {sign * costs[top]:.4g}, and {epochs} "
                "brought nothing better" + "; its parameters are restored" * restore_best
            )

    return Callback(on_epoch=watch)


def batches(count: int, batch_size: int, order: NDArray[np.int64] | None = None) -> Iterator[Any]:
    """Give the indices of one batch after another, in `order` or as slices in the order they stand."""
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}: expected a whole number, 1 or more")
    for start in range(0, count, batch_size):
        yield slice(start, start + batch_size) if order is None else order[start : start + batch_size]


def fit(
    apply: Apply,
    params: Params,
    data: Dataset | DataLoader,
    *,
    optimizer: Optimizer,
    epochs: int,
    test: Dataset | None = None,
    loss: Loss = ops.softmax_cross_entropy,
    schedule: Schedule | None = cosine,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    history: History | None = None,
) -> History:
    """Train `params` in place by minimizing a loss of `apply(params, images)`.

    Every epoch makes its draws anew from the loader's seed and its own number: training that stops after an epoch
    and goes on later ends with the same bits.

    Parameters
    ----------
    apply : callable
        `apply(params, images, training=True, rng=rng)` gives logits (N, C).
    params : dict of str to Tensor
        The parameters, which `optimizer` updates.
    data : DataLoader or Dataset
        What to train on, with images of the model's size. A data set is shuffled, in batches of 32, from seed 0:
        ``DataLoader(data, shuffle=True)``.
    optimizer : Optimizer
        Its `lr` is the highest learning rate, and is the same again at the end.
    epochs : int
        The total, with those of `history`.
    test : Dataset, optional
        Is evaluated at the end of every epoch.
    loss : callable
        `loss(logits, labels)` gives what is minimized. The test set's loss is the softmax cross-entropy whatever it is.
    schedule : callable, optional
        The share of the learning rate at a given progress, 0 to 1, as in `schedules`; constant if None.
    clip_norm : float, optional
        The largest norm of all gradients as one vector: longer ones are scaled down before the step.
    callbacks : sequence of Callback
        Called in this order.
    history : History, optional
        Go on from here: the next epoch is the one after its last. One that says it was stopped is given back as
        it is.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the loss is not finite, or there is nothing to train on or to evaluate on.
    ValueError
        If `clip_norm` is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> from autograd_cnn import data, training
    >>> rng = np.random.default_rng(0)
    >>> images = rng.random((64, 1, 28, 28), np.float32)
    >>> toy = data.Dataset(images, (images.mean((1, 2, 3)) > 0.5).astype(np.int64), ("dark", "bright"))
    >>> params = ac.models.mlp.init(rng, num_classes=2)
    >>> loader = data.DataLoader(toy, batch_size=16, shuffle=True)
    >>> optimizer = ac.optim.SGD(params, lr=0.1)
    >>> history = training.fit(ac.models.mlp.apply, params, loader, optimizer=optimizer, epochs=2, test=toy)
    >>> len(history.epochs), len(history.step_losses)
    (2, 8)
    """
    loader = data if isinstance(data, DataLoader) else DataLoader(data, shuffle=True)
    if not len(loader):
        raise TrainingError(f"there is no image to train on; {loader!r} is empty")
    if test is not None and not len(test):
        raise TrainingError("there is no image to evaluate on; the test set is empty")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm is {clip_norm!r}: expected a number above 0, or None")
    history = History() if history is None else history
    peak = optimizer.lr
    try:
        for epoch in range(len(history.epochs) + 1, epochs + 1):
            if history.stopped is not None:
                break
            started = time.perf_counter()
            rng = np.random.default_rng([loader.seed, epoch, 1])  # the 1 sets it apart from the loader's
            loss_sum, right, seen = 0.0, 0, 0
            for step, (images, labels) in enumerate(loader.epoch(epoch), (epoch - 1) * len(loader)):
                if schedule is not None:
                    optimizer.lr = peak * schedule(step / (epochs * len(loader)))
                logits = apply(params, images, training=True, rng=rng)
                cost = loss(logits, labels)
                value = cost.item()
                if not math.isfinite(value):
                    raise TrainingError(
                        f"the loss became {value} at step {step + 1}, in epoch {epoch}; "
                        f"try a learning rate below {peak:g}"
                    )
                optimizer.zero_grad()
                cost.backward()
                if clip_norm is not None:
                    clip_grad_norm(params, clip_norm)
                optimizer.step()
                history.step_losses.append(value)
                seen += len(labels)
                loss_sum += value * len(labels)
                right += int((logits.argmax(1) == labels).sum())
                for callback in callbacks:
                    if callback.on_step is not None:
                        callback.on_step(epoch, loss_sum / seen, right / seen)
            history.seconds += time.perf_counter() - started
            tested = None if test is None else evaluate(apply, params, test)
            figures = (None, None) if tested is None else (tested.loss, tested.accuracy)
            history.epochs.append(EpochResult(epoch, loss_sum / seen, right / seen, *figures))
            for callback in callbacks:
                if callback.on_epoch is not None:
                    callback.on_epoch(history, params)
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
