"""The training loop."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
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
from autograd_cnn.training.results import EpochResult, History, Underway


def fit(
    apply: Apply,
    params: Params,
    data: Data | DataLoader,
    *,
    optimizer: Optimizer,
    epochs: int,
    test: Data | None = None,
    validation: Data | None = None,
    loss: Loss = ops.softmax_cross_entropy,
    schedule: Schedule | None = cosine,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    history: History | None = None,
) -> History:
    """Train `params` in place by minimizing a loss of `apply(params, images)`.

    Every epoch draws its random numbers from the loader's seed and its own number: training that stops after an epoch,
    or after any step of one, and goes on later ends with the same bits.

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
    validation : Dataset, or pair (images, labels), optional
        Likewise: images that are neither trained on nor tested with, to choose settings or an epoch by.
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
        Go on from here, in the midst of an epoch if it is `underway`. If it says that training was stopped, it is
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
    loader = as_loader(data)
    held_out = {name: as_dataset(d) for name, d in (("test", test), ("validation", validation)) if d is not None}
    _check(loader, held_out, clip_norm, params, optimizer)
    history = History() if history is None else history
    peak = optimizer.lr
    trainer = _Trainer(apply, params, loader, optimizer, peak, epochs, loss, schedule, clip_norm, callbacks)
    try:
        for epoch in range(len(history.epochs) + 1, epochs + 1):
            if history.stopped is not None:
                break
            trained = trainer.run(epoch, history)
            found = {name: evaluate(apply, params, dataset) for name, dataset in held_out.items()}
            figures = {f"{name}_{figure}": getattr(e, figure) for name, e in found.items() for figure in _FIGURES}
            history.epochs.append(EpochResult(epoch, *trained, **figures))
            history.underway = None
            for callback in callbacks:
                if callback.on_epoch is not None:
                    callback.on_epoch(history, params)
    finally:
        optimizer.lr = peak
    return history


_FIGURES = ("loss", "accuracy")


def _check(
    loader: DataLoader,
    held_out: Mapping[str, Dataset],
    clip_norm: float | None,
    params: Params,
    optimizer: Optimizer,
) -> None:
    """Refuse, before the first step, what cannot be trained."""
    if not len(loader):
        raise TrainingError(f"there is no image to train on; {loader!r} is empty")
    if empty := [name for name, dataset in held_out.items() if not len(dataset)]:
        raise TrainingError(f"there is no image to evaluate on; the {empty[0]} set is empty")
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
        """Train for one epoch, or what is left of it, and return the mean loss and the accuracy."""
        started = time.perf_counter() - history.seconds
        rng = np.random.default_rng([self.loader.seed, epoch, 1])  # the 1 sets it apart from the loader's
        options = accepted(self.apply, training=True, rng=rng)
        done, loss_sum, right, seen = 0, 0.0, 0, 0
        if (begun := history.underway) is not None and begun.epoch == epoch:
            done, loss_sum, right, seen = begun.steps, begun.loss_sum, begun.right, begun.seen
            rng.bit_generator.state = begun.rng
        # Batches that are passed over have drawn their random numbers, as they did when they were trained on.
        for step, (images, labels) in enumerate(itertools.islice(self.loader.epoch(epoch), done, None), done + 1):
            logits, value = self._step(images, labels, options, epoch, step)
            history.step_losses.append(value)
            seen += len(labels)
            loss_sum += value * len(labels)
            right += _count_right(logits, labels)
            history.underway = Underway(epoch, step, loss_sum, right, seen, rng.bit_generator.state)
            history.seconds = time.perf_counter() - started
            for callback in self.callbacks:
                if callback.on_step is not None:
                    callback.on_step(epoch, loss_sum / seen, right / seen)
        return loss_sum / seen, right / seen

    def _step(
        self, images: Array, labels: Array, options: Mapping[str, Any], epoch: int, step: int
    ) -> tuple[Any, float]:
        """Take one step, the epoch's `step`-th, and return the logits and the loss."""
        whole = (epoch - 1) * len(self.loader) + step
        if self.schedule is not None:
            self.optimizer.lr = self.peak * self.schedule((whole - 1) / (self.epochs * len(self.loader)))
        logits = self.apply(self.params, images, **options)
        cost = self.loss(logits, labels)
        value: float = cost.item()
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value} at step {whole}, in epoch {epoch}, with learning rate "
                f"{self.optimizer.lr:.3g}; try a learning rate below {self.peak:g}"
            )
        self._update(cost)
        return logits, value

    def _update(self, cost: Any) -> None:
        """Take one step down the gradient of the cost."""
        self.optimizer.zero_grad()
        cost.backward()
        if self.clip_norm is not None:
            clip_grad_norm(self.params, self.clip_norm)
        self.optimizer.step()


def _count_right(logits: Any, labels: Array) -> int:
    return int((logits.argmax(1) == labels).sum())
