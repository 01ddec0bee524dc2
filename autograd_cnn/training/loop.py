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
from autograd_cnn.data.dataset import as_dataset
from autograd_cnn.distributed import Alone, Communicator
from autograd_cnn.optim import Optimizer
from autograd_cnn.optim.clipping import clip_grad_norm
from autograd_cnn.optim.schedules import Schedule, cosine
from autograd_cnn.tensor import Params
from autograd_cnn.training.arguments import Apply, Data, Loss, accepted, as_loader, odd_pixels
from autograd_cnn.training.callbacks import Callback
from autograd_cnn.training.errors import TrainingError
from autograd_cnn.training.progress import shown
from autograd_cnn.training.results import EpochResult, History, Underway
from autograd_cnn.training.sharing import Sharing, count_right
from autograd_cnn.variable import Array


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
    progress: bool | None = None,
    comm: Communicator | None = None,
    sync_batch_norm: bool = False,
) -> History:
    """Train `params` in place by minimizing a loss of `apply(params, images)`.

    An epoch's random numbers depend only on the loader's seed and the epoch's number, so training that is stopped after
    any step and resumed ends with the same bits.

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
        Total number, including those in `history`.
    test : Dataset, or pair (images, labels), optional
        Evaluated at the end of every epoch.
    validation : Dataset, or pair (images, labels), optional
        Likewise, for images that are neither trained nor tested on: to choose settings or an epoch.
    loss : callable
        `loss(logits, labels)` returns what is minimized. The test loss is the softmax cross-entropy in any case.
    schedule : callable, optional
        The factor of the learning rate at a given progress, 0 to 1, as in `optim.schedules`. With None the rate is
        constant.
    clip_norm : float, optional
        The largest norm of all gradients taken as one vector; larger gradients are scaled down before the step.
    callbacks : sequence of Callback
        Called in this order.
    history : History, optional
        Training to resume, in the middle of an epoch if one is `underway`. If it was stopped early, it is returned
        unchanged.
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal, or in a notebook.
    comm : Communicator, optional
        The processes that train together, as `distributed.world()` returns them: each makes the same call and computes
        its share of every batch. Batch norm uses each share's own statistics, and rank 0's running statistics are kept.
    sync_batch_norm : bool
        Whether batch norm uses the whole batch's statistics.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If the loss is not finite, there is nothing to train on or to evaluate on, or the optimizer holds other
        Tensors than `params`; or if more processes train together than there are images in a batch.
    DistributedError
        If processes that train together were given other parameters or other batches.
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
    comm = Alone() if comm is None else comm
    sharing = Sharing(
        comm, params, loader, {"learning rate": peak, "epochs": epochs, "clip_norm": clip_norm}, sync_batch_norm
    )
    with shown(epochs, epochs * len(loader), history, progress if comm.rank == 0 else False) as bar:
        callbacks = [*callbacks, *bar]
        trainer = _Trainer(
            apply, params, loader, optimizer, peak, epochs, loss, schedule, clip_norm, callbacks, sharing
        )
        try:
            while len(history.epochs) < epochs and history.stopped is None:
                trainer.run_epoch(len(history.epochs) + 1, history, held_out)
        finally:
            optimizer.lr = peak
    return history


def _check(
    loader: DataLoader,
    held_out: Mapping[str, Dataset],
    clip_norm: float | None,
    params: Params,
    optimizer: Optimizer,
) -> None:
    """Check the arguments before the first step."""
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
    """The arguments of `fit`, which stay the same from epoch to epoch."""

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
    sharing: Sharing

    def run_epoch(self, epoch: int, history: History, held_out: Mapping[str, Dataset]) -> None:
        """Train for one epoch, or what is left of it, evaluate, and call the callbacks."""
        trained = self.run(epoch, history)
        figures: dict[str, float] = {}
        for name, dataset in held_out.items():
            figures[f"{name}_loss"], figures[f"{name}_accuracy"] = self.sharing.evaluate(self.apply, dataset)
        history.epochs.append(EpochResult(epoch, *trained, **figures))
        history.underway = None
        for callback in self.callbacks:
            if callback.on_epoch is not None:
                callback.on_epoch(history, self.params)

    def run(self, epoch: int, history: History) -> tuple[float, float]:
        """Train for one epoch, or what is left of it, and return the mean loss and the accuracy."""
        started = time.perf_counter() - history.seconds
        seed = self.sharing.seed(self.loader.seed, epoch, 1)  # the 1 makes it differ from the loader's seed
        rng = np.random.default_rng(seed)
        options = accepted(self.apply, training=True, rng=rng)
        done, loss_sum, right, seen = 0, 0.0, 0, 0
        if (begun := history.underway) is not None and begun.epoch == epoch:
            done, loss_sum, right, seen = begun.steps, begun.loss_sum, begun.right, begun.seen
            if self.sharing.comm.rank == 0:
                rng.bit_generator.state = begun.rng
            else:
                rng = np.random.default_rng([*seed, done])
                options = accepted(self.apply, training=True, rng=rng)
        # Skipped batches still draw their random numbers, as they did when they were trained on.
        for step, (images, labels) in enumerate(itertools.islice(self.loader.epoch(epoch), done, None), done + 1):
            with self.sharing.statistics():
                value, right_here = self._step(images, labels, options, epoch, step)
            history.step_losses.append(value)
            seen += len(labels)
            loss_sum += value * len(labels)
            right += right_here
            history.underway = Underway(epoch, step, loss_sum, right, seen, rng.bit_generator.state)
            history.seconds = time.perf_counter() - started
            for callback in self.callbacks:
                if callback.on_step is not None:
                    callback.on_step(epoch, loss_sum / seen, right / seen)
        return loss_sum / seen, right / seen

    def _step(
        self, images: Array, labels: Array, options: Mapping[str, Any], epoch: int, step: int
    ) -> tuple[float, int]:
        """Take one step, the epoch's `step`-th, and return the loss and how many images were right before it."""
        whole = (epoch - 1) * len(self.loader) + step
        if self.schedule is not None:
            self.optimizer.lr = self.peak * self.schedule((whole - 1) / (self.epochs * len(self.loader)))
        part = self.sharing.part(len(labels))
        weight = (part.stop - part.start) / len(labels)
        cost, right_here = None, 0
        if self.sharing.is_needed(part):
            logits = self.apply(self.params, images[part], **options)
            # An empty share has loss 0 and gradient 0, by the same path through the graph as the others.
            cost = self.loss(logits, labels[part]) if weight else logits.sum()
            right_here = count_right(logits, labels[part])
        value, right = self.sharing.total(0.0 if cost is None else weight * cost.item(), right_here)
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value} at step {whole}, in epoch {epoch}, with learning rate "
                f"{self.optimizer.lr:.3g}; {odd_pixels(images) or f'try a learning rate below {self.peak:g}'}"
            )
        self._update(cost, weight)
        return value, int(right)

    def _update(self, cost: Any, weight: float) -> None:
        """Take one optimizer step on the cost; `weight` is the weight of this rank's share."""
        self.optimizer.zero_grad()
        self.sharing.backward(cost, weight)
        if self.clip_norm is not None:
            clip_grad_norm(self.params, self.clip_norm)
        self.optimizer.step()
