"""The share of every batch that a process trains on: a part if several train together, otherwise all of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from autograd_cnn import distributed
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.distributed import Communicator
from autograd_cnn.tensor import Params, Tensor
from autograd_cnn.training.arguments import Apply
from autograd_cnn.training.errors import TrainingError
from autograd_cnn.training.evaluation import evaluate
from autograd_cnn.variable import Array


class Sharing:
    """What a training does together with other ranks.

    Parameters
    ----------
    comm : Communicator
    params : dict of str to Tensor
        Set to those of rank 0 on every rank.
    loader : DataLoader
        Yields the same batches on every rank.
    options : dict
        Other values that must be the same on every rank, by the names that errors use.
    sync_batch_norm : bool
        Whether batch norm's statistics are those of the whole batch.

    Raises
    ------
    DistributedError
        If the ranks have different parameters or different batches.
    TrainingError
        If there are more ranks than images in a batch.
    """

    def __init__(
        self,
        comm: Communicator,
        params: Params,
        loader: DataLoader,
        options: Mapping[str, Any],
        sync_batch_norm: bool = False,
    ) -> None:
        self.comm = comm
        self.params = params
        self._is_synchronized = sync_batch_norm and comm.size > 1
        if comm.size == 1:
            return
        if loader.batch_size < comm.size:
            raise TrainingError(
                f"{comm.size} ranks share batches of {loader.batch_size}: give larger batches, or fewer ranks"
            )
        batches = {"batch size": loader.batch_size, "images": len(loader.dataset), "order": loader.seed}
        distributed.require_same(batches | dict(options), comm)
        distributed.broadcast(params, comm)
        self._reducer = distributed.Reducer(params.values(), comm)

    def part(self, count: int) -> slice:
        """Return which images of a batch are this rank's."""
        return distributed.share_of(count, self.comm)

    def is_needed(self, part: slice) -> bool:
        """Whether this rank computes its share: even an empty one, if others wait for its statistics."""
        return part.stop > part.start or self._is_synchronized

    def statistics(self) -> AbstractContextManager[None]:
        """Return the context manager in which to take a step."""
        return distributed.synchronized_batch_norm(self.comm) if self._is_synchronized else nullcontext()

    def seed(self, *numbers: int) -> list[int]:
        """Return a seed for random draws on this rank's images; rank 0's is the same as in a single process."""
        return [*numbers, *([self.comm.rank] if self.comm.rank else [])]

    def backward(self, loss: Tensor | None, weight: float) -> None:
        """Set each parameter's gradient to that of the loss over the whole batch.

        `weight` is this rank's share of the batch; `loss` may be None if the share is empty.
        """
        if self.comm.size == 1 and loss is not None:
            loss.backward()
            return
        gradients = self._reducer.gradients(loss, weight)
        for p, gradient in zip(self._reducer.params, gradients, strict=True):
            p.grad = gradient

    def total(self, *numbers: float) -> list[float]:
        """Return the sums of numbers over all ranks."""
        if self.comm.size == 1:
            return list(numbers)
        summed: list[float] = distributed.total(np.array(numbers, np.float64), self.comm).tolist()
        return summed

    def evaluate(self, apply: Apply, dataset: Dataset) -> tuple[float, float]:
        """Return the loss and the accuracy on a data set; each rank evaluates its share."""
        if self.comm.size == 1:
            found = evaluate(apply, self.params, dataset)
            return found.loss, found.accuracy
        # Each rank has its own running statistics; those of rank 0 are evaluated and saved.
        distributed.broadcast({n: p for n, p in self.params.items() if not p.requires_grad}, self.comm)
        own = dataset[self.part(len(dataset))]
        found_here = evaluate(apply, self.params, own) if len(own) else None
        here = (0.0, 0.0) if found_here is None else (found_here.loss * len(own), found_here.accuracy * len(own))
        loss, right = self.total(*here)
        distributed.confirm(self.comm)
        return loss / len(dataset), right / len(dataset)


def count_right(logits: Any, labels: Array) -> int:
    """Count the images whose largest logit is that of their label."""
    return int((logits.argmax(1) == labels).sum())
