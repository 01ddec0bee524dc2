"""Going on without ranks that have failed.

MPI's User Level Failure Mitigation (Bland et al., "Post-failure recovery of MPI communication capability", 2013) lets
the remaining ranks revoke a communicator, and shrink it to themselves. Open MPI 5 has it under
`mpiexec --with-ft ulfm`; otherwise `mpiexec` ends all ranks when one fails.
"""

from __future__ import annotations

import os
import time
from typing import Any

from autograd_cnn.distributed.world import Communicator

_WAIT = 2.0  # seconds until the failure of a rank is known everywhere


def may_lose_ranks() -> bool:
    """Whether the others go on when a rank fails: `mpiexec --with-ft ulfm` says so to the processes that it starts."""
    return os.environ.get("OMPI_MCA_mpi_ft_enable") == "1"  # noqa: SIM112 -- Open MPI's name


def confirm(comm: Any) -> None:
    """If a rank has failed, raise an error on all the others.

    If a rank fails during a collective call, Open MPI 5.0 may return without an error, with garbage in the received
    array. So call this before using the array.

    Examples
    --------
    >>> from autograd_cnn import distributed
    >>> confirm(distributed.Alone())
    """
    if comm.size > 1 and may_lose_ranks():
        comm.Agree(1)


def has_lost_a_rank(error: BaseException, comm: Any) -> bool:
    """Whether an error is due to the failure of a rank: it says so, or a rank is found to have failed.

    Examples
    --------
    >>> from autograd_cnn import distributed
    >>> has_lost_a_rank(ValueError("something else"), distributed.Alone())
    False
    """
    if comm.size == 1 or not may_lose_ranks():
        return False
    from mpi4py import MPI

    lost = (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED)
    if isinstance(error, MPI.Exception) and error.Get_error_class() in lost:
        return True
    until = time.monotonic() + _WAIT
    while not comm.Get_failed().Get_size():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def survivors(comm: Any) -> Communicator:
    """Return the communicator of the remaining ranks, in their order; each of them must call this.

    Examples
    --------
    See `training.recovery.Recovery.recover`.
    """
    from mpi4py import MPI

    comm.Revoke()  # ranks that wait in a call on it get an error
    left = comm.Shrink()
    left.Set_errhandler(MPI.ERRORS_RETURN)
    found: Communicator = left
    return found


def newest(state: Any, steps: int, comm: Any) -> Any:
    """Return the state of the rank that has taken the most steps; of several such ranks, the first's.

    Examples
    --------
    See `training.recovery.Recovery.recover`.
    """
    taken = comm.allgather(steps)
    return comm.bcast(state, root=taken.index(max(taken)))
