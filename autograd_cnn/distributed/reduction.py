"""Gradients summed over all ranks while the backward pass is still under way.

The gradients of all parameters are kept in buffers, called buckets, in the order in which a backward pass finds them,
the last layer's first. As soon as a bucket is complete, its sum over the ranks is started, and is communicated while
the rules of earlier layers run (Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training",
2020, section 3.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.backpropagation import differentiate, survey
from autograd_cnn.distributed.recovery import confirm
from autograd_cnn.distributed.world import Communicator, total
from autograd_cnn.graph import Place, place_of
from autograd_cnn.rules import dense
from autograd_cnn.variable import Array, Variable

#: Bytes of a bucket. A smaller one starts sooner, but pays the network's latency more often.
BUCKET = 1 << 18


class Reducer:
    """Compute gradients, with respect to parameters, of a loss that is summed over all ranks.

    Parameters
    ----------
    params : iterable of Tensors
        In the same order on every rank. Those that require no gradient are left out.
    comm : Communicator
    bucket : int
        Bytes of gradients that are summed together.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> from autograd_cnn import distributed
    >>> w = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> reducer = distributed.Reducer([w], distributed.Alone())
    >>> reducer.gradients((w * w).sum())
    [array([2., 4.], dtype=float32)]
    """

    def __init__(self, params: Iterable[Variable], comm: Communicator, bucket: int = BUCKET) -> None:
        self.params = [p for p in dict.fromkeys(params) if p.requires_grad]
        self.comm = comm
        self._buckets = _cut(self.params, bucket)
        self._slots = {p: bucket.slot(i) for bucket in self._buckets for i, p in enumerate(bucket.params)}
        self._awaited: Counter[Place] = Counter()  # contributions to each gradient that are still to come
        self._requests: list[Any] = []  # one for each bucket whose sum is under way

    def gradients(self, loss: Variable | None, weight: float = 1.0) -> list[Array | None]:
        """Return the gradients of the sum, over all ranks, of each one's loss times its weight.

        Every rank calls this for the same step.

        Parameters
        ----------
        loss : Tensor of one element, optional
            None for a rank that has no share of this batch.
        weight : float
            Weight of this rank's loss: for a mean over the whole batch, the share of the batch that is this rank's.

        Returns
        -------
        list of arrays
            One for each parameter, of its shape and dtype; None if no rank's loss depends on it.
        """
        self._requests = []
        self._awaited = Counter()
        if loss is not None and loss.requires_grad:
            for node in survey([place_of(loss)])[0]:
                self._awaited.update(source for source in node.sources if source in self._slots)
        depends = total(np.array([p in self._awaited for p in self.params], np.int64), self.comm)
        for p in self.params:
            if p not in self._awaited:
                self._slots[p].sent[...] = 0
        self._begin_complete()
        if self._awaited:
            self._pull_back(loss, weight)
        for request in self._requests:
            request.Wait()
        confirm(self.comm)
        found = [self._slots[p].received.astype(p.dtype, order="C") for p in self.params]
        return [gradient if any_rank else None for gradient, any_rank in zip(found, depends, strict=True)]

    def _pull_back(self, loss: Any, weight: float) -> None:
        seed = np.full(loss.shape, weight, loss.dtype)
        found = differentiate(
            [loss], [seed], self.params, create_graph=False, retain_graph=False, arrived=self._arrived
        )
        for p, gradient in zip(self.params, found, strict=True):
            if self._awaited[p]:  # what was expected to contribute did not
                self._slots[p].sent[...] = 0 if gradient is None else gradient
        self._awaited.clear()
        self._begin_complete()

    def _arrived(self, place: Place, gradient: Any) -> None:
        """Count a contribution to a gradient, and after the last one put the gradient into its bucket."""
        self._awaited[place] -= 1
        if not self._awaited[place] and isinstance(place, Variable):
            self._slots[place].sent[...] = dense(gradient)
            self._begin_complete()

    def _begin_complete(self) -> None:
        """Start the sums of complete buckets, in the same order on every rank: up to the first that is incomplete."""
        for bucket in self._buckets[len(self._requests) :]:
            if any(self._awaited[p] for p in bucket.params):
                break
            self._requests.append(self.comm.Iallreduce(bucket.sent, bucket.received))


class _Slot(NamedTuple):
    """The place of a parameter's gradient in its bucket: views of its shape."""

    sent: Array
    received: Array


class _Bucket:
    """Parameters of one dtype, with an array for their gradients on this rank, and one for the sums over all."""

    def __init__(self, params: list[Variable]) -> None:
        self.params = params
        dtype = np.promote_types(params[0].dtype, np.float32)  # MPI does not know float16
        self.ends = np.cumsum([p._data.size for p in params])
        self.sent, self.received = np.zeros(self.ends[-1], dtype), np.zeros(self.ends[-1], dtype)

    def slot(self, i: int) -> _Slot:
        """Return the place of the i-th parameter's gradient."""
        p = self.params[i]
        place = slice(self.ends[i] - p._data.size, self.ends[i])
        return _Slot(self.sent[place].reshape(p.shape), self.received[place].reshape(p.shape))


def _cut(params: list[Variable], size: int) -> list[_Bucket]:
    """Put parameters into buckets, the last first: that is the order in which a backward pass meets them."""
    parts: list[list[Variable]] = []
    filled = 0
    for p in reversed(params):
        if not parts or filled >= size or parts[-1][0].dtype != p.dtype:
            parts.append([])
            filled = 0
        parts[-1].append(p)
        filled += p._data.nbytes
    return [_Bucket(part) for part in parts]
