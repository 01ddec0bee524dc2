"""The processes that train together, and what all of them have to agree on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

from autograd_cnn.ops.batch_normalization import shared_batch
from autograd_cnn.recording import history
from autograd_cnn.variable import Array, Variable

R = TypeVar("R")


class DistributedError(RuntimeError):
    """Processes that cannot train together; the message names the rank that differs, and in what.

    Examples
    --------
    >>> from autograd_cnn import distributed
    >>> issubclass(distributed.DistributedError, RuntimeError)
    True
    """


class Communicator(Protocol):
    """The part of an `mpi4py.MPI.Comm` that is used.

    Examples
    --------
    >>> from autograd_cnn import distributed
    >>> [name for name in ("rank", "size") if name in distributed.Communicator.__annotations__]
    ['rank', 'size']
    """

    rank: int
    size: int

    def allgather(self, value: Any) -> list[Any]:
        """Return what every rank passed, in the order of ranks."""

    def Bcast(self, buffer: Any, root: int = 0) -> None:  # noqa: N802 -- MPI's name
        """Fill an array with `root`'s."""

    def Allreduce(self, sent: Any, received: Any) -> None:  # noqa: N802
        """Fill an array with the sum of what every rank sent."""

    def Iallreduce(self, sent: Any, received: Any) -> Any:  # noqa: N802
        """Start the same, and return a request to wait for."""


class Alone:
    """A world of one process, without MPI: programs for several run under it unchanged.

    Examples
    --------
    >>> from autograd_cnn import distributed
    >>> distributed.share([1, 2, 3], distributed.Alone())
    [1, 2, 3]
    """

    rank, size = 0, 1

    def allgather(self, value: Any) -> list[Any]:
        """Return the value, the only one."""
        return [value]

    def Bcast(self, buffer: Any, root: int = 0) -> None:  # noqa: N802 -- MPI's names
        """Leave the array as it is."""

    def Allreduce(self, sent: Any, received: Any) -> None:  # noqa: N802
        """Copy the array, which is the sum."""
        received[...] = sent

    def Iallreduce(self, sent: Any, received: Any) -> Any:  # noqa: N802
        """Copy the array, and return a request that is already complete."""
        self.Allreduce(sent, received)
        return self

    def Wait(self) -> None:  # noqa: N802
        """Return at once."""


def world() -> Communicator:
    """Return all the processes that were started together: MPI's `COMM_WORLD`.

    A program that was started by itself is a world of one.

    Raises
    ------
    DistributedError
        If mpi4py or an MPI library is missing.

    Examples
    --------
    >>> import os
    >>> from autograd_cnn import distributed
    >>> together = "OMPI_COMM_WORLD_SIZE" in os.environ  # under Open MPI's mpiexec
    >>> (distributed.world() if together else distributed.Alone()).size
    1
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise DistributedError(
            f"several processes train together through MPI, which is not there ({error}); install it with: "
            'pip install "autograd-cnn[mpi]"'
        ) from error
    communicator: Communicator = MPI.COMM_WORLD
    return communicator


def share_of(count: int, comm: Communicator) -> slice:
    """Return which of `count` items are this rank's: a contiguous range, of equal length on all ranks to within one.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> [share_of(5, SimpleNamespace(rank=rank, size=2)) for rank in (0, 1)]
    [slice(0, 3, None), slice(3, 5, None)]
    """
    least, more = divmod(count, comm.size)
    start = comm.rank * least + min(comm.rank, more)
    return slice(start, start + least + (comm.rank < more))


def share(batch: Any, comm: Communicator) -> Any:
    """Return this rank's share of a batch, along its first axis.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> share(np.arange(5), SimpleNamespace(rank=1, size=2))
    array([3, 4])
    """
    return batch[share_of(len(batch), comm)]


def broadcast(params: Mapping[str, Variable], comm: Communicator) -> None:
    """Set parameters, in place, to those of rank 0.

    Parameters
    ----------
    params : dict of str to Tensor
        Of the same names, shapes and dtypes on every rank.

    Raises
    ------
    DistributedError
        If a rank has different ones.
    """
    require_same({name: f"{p.dtype} {p.shape}" for name, p in params.items()}, comm, "the parameter")
    for p in params.values():
        array = p._data.copy()
        comm.Bcast(array.reshape(-1).view(np.uint8))  # bytes, as MPI does not know float16
        p._data[...] = array
    history.overwritten([p._data for p in params.values()])


def require_same(given: Mapping[str, Any], comm: Communicator, what: str = "the option") -> None:
    """Raise an error if a rank was given other values than rank 0.

    Parameters
    ----------
    given : dict of str to any
        Values that must be the same on every rank, by name; compared as JSON, or as text if JSON cannot hold them.

    Raises
    ------
    DistributedError
        On every rank, naming the first rank that differs and in what.
    """
    everywhere = comm.allgather(json.dumps(given, default=str, sort_keys=True))
    first = json.loads(everywhere[0])
    for rank, text in enumerate(everywhere):
        if text == everywhere[0]:
            continue
        other = json.loads(text)
        name = next(n for n in sorted({*first, *other}) if first.get(n) != other.get(n) or (n in first) != (n in other))
        missing = "nothing of that name"
        raise DistributedError(
            f"rank {rank} differs from rank 0 in {what} {name!r}: {other.get(name, missing)!r} instead of "
            f"{first.get(name, missing)!r}; start all ranks with the same program, options and data"
        )


def together(function: Callable[[], R], comm: Communicator) -> R:
    """Call a function that may fail on some ranks, and return its result; if it fails on one, fail on all.

    Raises
    ------
    Exception
        What the function raised, on the first of the ranks where it did.
    DistributedError
        On the other ranks, with the same message.

    Examples
    --------
    >>> together(lambda: 1 + 1, Alone())
    2
    """
    failed: Exception | None = None
    try:
        result = function()
    except Exception as error:  # noqa: BLE001 -- whatever it is, every rank has to know
        failed = error
    said = comm.allgather(None if failed is None else str(failed))
    first = next((rank for rank, text in enumerate(said) if text is not None), None)
    if first is None:
        return result
    if failed is not None and comm.rank == first:
        raise failed
    raise DistributedError(f"rank {first}: {said[first]}")


@contextmanager
def synchronized_batch_norm(comm: Communicator) -> Iterator[None]:
    """Inside the block, let batch norm use the statistics of the whole batch, of which each rank has a share.

    Every rank must call the same ops in the same order, even with an empty share: in both passes, they wait for one
    another at every batch norm.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> with synchronized_batch_norm(Alone()):
    ...     ac.batch_norm(np.array([[1.0], [3.0]]), None, None, training=True).round(3)
    array([[-1.],
           [ 1.]])
    """
    with shared_batch(partial(total, comm=comm)):
        yield


def total(values: Array, comm: Communicator) -> Array:
    """Return the sum of arrays over all ranks.

    Examples
    --------
    >>> import numpy as np
    >>> total(np.array([1.0, 2.0]), Alone())
    array([1., 2.])
    """
    summed = np.empty_like(values)
    comm.Allreduce(values, summed)
    return summed
