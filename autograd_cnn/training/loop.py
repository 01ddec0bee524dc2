"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.graph import Array
from autograd_cnn.optim import Optimizer
from autograd_cnn.optim.clipping import clip_grad_norm
from autograd_cnn.optim.schedules import Schedule, cosine
from autograd_cnn.tensor import Params
from autograd_cnn.training.arguments import Apply, Data, Loss, accepted, as_dataset, as_loader
from autograd_cnn.training.callbacks import Callback
from autograd_cnn.training.errors import TrainingError
from autograd_cnn.training.evaluation import evaluate
from autograd_cnn.training.results import EpochResult, History


def fit(
    apply: Apply,
    params: Params,
    data: Data | DataLoader,
    *,
    optimizer: Optimizer,
    epochs: int,
    test: Data | None = None,
    loss: Loss = ops.softmax_cross_entropy,
    schedule: Schedule | None = cosine,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    history: History | None = None,
) -> History:
    """Train `params` in place by minimizing a loss of `apply(params, images)`.

    Every epoch draws its random numbers from the loader's seed and its own number: training that stops after an epoch
    and goes on later ends with the same bits.

    Parameters
    ----------
    apply : callable
        `apply(params, images, training=True, rng=rng)` returns logits (N, C). A function without a parameter
        `training` or `rng` is called without it.
    params : dict of str to Tensor
        The parameters, which `optimizer` updates.
    data : DataLoader, Dataset, or pair (images, labels)
        What to train on, with images of the model's size. Anything but a loader is shuffled, from seed 0, in batches
        of 32: ``DataLoader(data, shuffle=True)``.
    optimizer : Optimizer
        Its `lr` is the highest learning rate, and is restored at the end.
    epochs : int
        How many in all, with those of `history`.
    test : Dataset, or pair (images, labels), optional
        Is evaluated at the end of every epoch.
    loss : callable
        `loss(logits, labels)` returns what is minimized. The test loss is the softmax cross-entropy in any case.
    schedule : callable, optional
        The share of the learning rate at a given progress, 0 to 1, as in `optim.schedules`. With None the rate is
        constant.
    clip_norm : float, optional
        The largest norm of all gradients as one vector: longer ones are scaled down before the step.
    callbacks : sequence of Callback
        Called in this order.
    history : History, optional
        Go on from here: the next epoch is the one after its last. If it says that training was stopped, it is
        returned as it is.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the loss is not finite, there is nothing to train on or to evaluate on, or the optimizer holds other
        Tensors than `params`.
    TypeError, ValueError
        If the data or `clip_norm` are not as above.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> rng = np.random.default_rng(0)
    >>> images = rng.random((64, 1, 28, 28), np.float32)
    >>> bright = (images.mean((1, 2, 3)) > 0.5).astype(np.int64)
    >>> params = ac.models.mlp.init(rng, num_classes=2)
    >>> optimizer = ac.optim.SGD(params, lr=0.1)
    >>> history = ac.training.fit(ac.models.mlp.apply, params, (images, bright), optimizer=optimizer, epochs=2)
    >>> len(history.epochs), len(history.step_losses)
    (2, 4)
    """
    loader, test = as_loader(data), None if test is None else as_dataset(test)
    _check(loader, test, clip_norm, params, optimizer)
    history = History() if history is None else history
    peak = optimizer.lr
    trainer = _Trainer(apply, params, loader, optimizer, peak, epochs, loss, schedule, clip_norm, callbacks)
    try:
        for epoch in range(len(history.epochs) + 1, epochs + 1):
            if history.stopped is not None:
                break
            trained = trainer.run(epoch, history)
            tested = None if test is None else evaluate(apply, params, test)
            figures = (None, None) if tested is None else (tested.loss, tested.accuracy)
            history.epochs.append(EpochResult(epoch, *trained, *figures))
            for callback in callbacks:
                if callback.on_epoch is not None:
                    callback.on_epoch(history, params)
    finally:
        optimizer.lr = peak
    return history


def _check(
    loader: DataLoader, test: Dataset | None, clip_norm: float | None, params: Params, optimizer: Optimizer
) -> None:
    """Refuse, before the first step, what cannot be trained."""
    if not len(loader):
        raise TrainingError(f"there is no image to train on; {loader!r} is empty")
    if test is not None and not len(test):
        raise TrainingError("there is no image to evaluate on; the test set is empty")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm is {clip_norm!r}: expected a number above 0, or None")
    given = set(map(id, params.values()))
    strange = [name for name, p in optimizer.params.items() if id(p) not in given]
    if len(strange) == len(optimizer.params) or any(name in params for name in strange):
        raise TrainingError(
            f"the optimizer holds another Tensor than params for parameter {strange[0]!r}, which would not be trained; "
            f"make the optimizer from the same dict, as in {type(optimizer).__name__}(params, …)"
        )


@dataclass(frozen=True)
class _Trainer:
    """Everything that stays the same from epoch to epoch; the arguments of `fit`."""

    apply: Apply
    params: Params
    loader: DataLoader
    optimizer: Optimizer
    peak: float  # the highest learning rate
    epochs: int
    loss: Loss
    schedule: Schedule | None
    clip_norm: float | None
    callbacks: Sequence[Callback]

    def run(self, epoch: int, history: History) -> tuple[float, float]:
        """Train for one epoch, and return the mean loss and the accuracy."""
        started = time.perf_counter()
        rng = np.random.default_rng([self.loader.seed, epoch, 1])  # the 1 sets it apart from the loader's
        options = accepted(self.apply, training=True, rng=rng)
        loss_sum, right, seen = 0.0, 0, 0
        for step, (images, labels) in enumerate(self.loader.epoch(epoch), (epoch - 1) * len(self.loader)):
            if self.schedule is not None:
                self.optimizer.lr = self.peak * self.schedule(step / (self.epochs * len(self.loader)))
            logits = self.apply(self.params, images, **options)
            cost = self.loss(logits, labels)
            value = cost.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss became {value} at step {step + 1}, in epoch {epoch}; "
                    f"try a learning rate below {self.peak:g}"
                )
            self._update(cost)
            history.step_losses.append(value)
            seen += len(labels)
            loss_sum += value * len(labels)
            right += _count_right(logits, labels)
            for callback in self.callbacks:
                if callback.on_step is not None:
                    callback.on_step(epoch, loss_sum / seen, right / seen)
        history.seconds += time.perf_counter() - started
        return loss_sum / seen, right / seen

    def _update(self, cost: Any) -> None:
        """Take one step down the gradient of the cost."""
        self.optimizer.zero_grad()
        cost.backward()
        if self.clip_norm is not None:
            clip_grad_norm(self.params, self.clip_norm)
        self.optimizer.step()


def _count_right(logits: Any, labels: Array) -> int:
    return int((logits.argmax(1) == labels).sum())
