"""Going on without the ranks that have failed.

MPI's User Level Failure Mitigation (Bland et al., "Post-failure recovery of MPI communication capability", 2013) lets
those that are left revoke a communicator, and shrink it to themselves. Open MPI 5 has it under
`mpiexec --with-ft ulfm`; otherwise `mpiexec` ends all ranks when one fails.
"""

from __future__ import annotations

import sys
from typing import Any

from autograd_cnn.distributed.world import Communicator


def has_lost_a_rank(error: BaseException) -> bool:
    """Whether an error says that a rank has failed, or that another rank has noticed it.

    Examples
    --------
    >>> has_lost_a_rank(ValueError("something else"))
    False
    """
    if "mpi4py.MPI" not in sys.modules:
        return False
    from mpi4py import MPI

    lost = (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED)
    return isinstance(error, MPI.Exception) and error.Get_error_class() in lost


def survivors(comm: Any) -> Communicator:
    """Return the communicator of the ranks that are left, in their order; each of them calls this.

    Examples
    --------
    See `training.recovery.Recovery.recover`.
    """
    from mpi4py import MPI

    comm.Revoke()  # whoever waits in a call on it is told
    left = comm.Shrink()
    left.Set_errhandler(MPI.ERRORS_RETURN)
    found: Communicator = left
    return found


def newest(state: Any, steps: int, comm: Any) -> Any:
    """Return the state of the rank that has taken most steps; of several that have, the first's.

    Examples
    --------
    See `training.recovery.Recovery.recover`.
    """
    taken = comm.allgather(steps)
    return comm.bcast(state, root=taken.index(max(taken)))
