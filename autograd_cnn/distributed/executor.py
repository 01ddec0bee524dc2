"""Independent work shared among the processes that mpiexec started."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import cast

from autograd_cnn.distributed.world import world


@contextmanager
def shared_executor() -> Iterator[Executor | None]:
    """Yield, on rank 0, an executor that runs calls on the other ranks; on those, None once there is no more to do.

    Raises
    ------
    DistributedError
        If mpi4py or an MPI library is missing.

    Examples
    --------
    >>> import os
    >>> from autograd_cnn import distributed
    >>> if "OMPI_COMM_WORLD_SIZE" in os.environ:  # under Open MPI's mpiexec
    ...     with distributed.shared_executor() as executor:
    ...         found = executor and list(executor.map(abs, [-1, 2]))
    """
    world()
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor

    with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
        yield cast(Executor | None, executor)
