"""Value and gradient of a loss over a batch that is shared among ranks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from autograd_cnn.distributed.reduction import Reducer
from autograd_cnn.distributed.world import Communicator, share, synchronized_batch_norm, total, world
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees


def value_and_grad(
    f: Callable[..., Any], comm: Communicator | None = None, sync_batch_norm: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Make the function that returns the mean of `f` over a batch and its gradient, with the batch shared among ranks.

    Every rank passes the same parameters and the same whole batch, computes its share, and receives the result for the
    whole batch: what `autograd_cnn.value_and_grad(f)` returns in a single process, up to rounding. The sums over the
    ranks are communicated during the backward pass.

    Parameters
    ----------
    f : callable
        `f(params, *batch)` returns the mean of a loss over the items of the batch, a Tensor of one element.
    comm : Communicator, optional
        By default `world()`.
    sync_batch_norm : bool
        Whether batch norm in `f` uses the statistics of the whole batch; by default, those of each share.

    Returns
    -------
    callable
        Takes parameters (a dict, list or tuple of arrays or Tensors, nested or not, or one of these) and arrays of
        equal length, of which each rank takes its share along the first axis. Returns a pair: the mean, as a float, and
        arrays nested as the parameters are.

    Raises
    ------
    ValueError
        When called: if the arrays of the batch differ in length, or are empty, or `f` does not return one number; or
        if batch norm is synchronized and a rank has no share.
    DistributedError
        If MPI is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> from autograd_cnn import distributed
    >>> step = distributed.value_and_grad(lambda w, x, y: ac.mse_loss(x @ w, y), distributed.Alone())
    >>> step(np.zeros(2), np.eye(2), np.array([1.0, 3.0]))
    (5.0, array([-1., -3.]))
    """

    def value_and_gradient(params: Any, *batch: Any) -> tuple[float, Any]:
        ranks = world() if comm is None else comm
        lengths = {len(x) for x in batch}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                f"distributed.value_and_grad: a batch is one or more arrays of one length, 1 or more; got lengths "
                f"{[len(x) for x in batch]}"
            )
        if sync_batch_norm and min(lengths) < ranks.size:
            raise ValueError(
                f"distributed.value_and_grad: batch norm is synchronized among {ranks.size} ranks, each with a share; "
                f"got a batch of {min(lengths)}: give a larger one"
            )
        with synchronized_batch_norm(ranks) if sync_batch_norm else nullcontext():
            return _shared_value_and_gradient(f, params, batch, ranks)

    return value_and_gradient


def _shared_value_and_gradient(
    f: Callable[..., Any], params: Any, batch: Any, ranks: Communicator
) -> tuple[float, Any]:
    """Return the mean over a batch and its gradient, each rank with its share."""
    leaves = [Tensor(x.detach() if isinstance(x, Tensor) else x, requires_grad=True) for x in trees.leaves(params)]
    parts = [share(x, ranks) for x in batch]
    weight = len(parts[0]) / len(batch[0])
    loss = f(trees.rebuild(params, leaves), *parts) if weight else None
    if loss is not None and np.size(loss) != 1:
        raise ValueError(f"distributed.value_and_grad: f returns one number; it returned shape {np.shape(loss)}")
    value = total(np.array([0.0 if loss is None else weight * loss.item()]), ranks)
    gradients = Reducer(leaves, ranks).gradients(loss, weight)
    filled = [np.zeros(x.shape, x.dtype) if g is None else g for x, g in zip(leaves, gradients, strict=True)]
    return float(value[0]), trees.rebuild(params, filled)
