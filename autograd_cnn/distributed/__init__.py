"""Data-parallel training: the same program in several processes, each with its share of every batch.

Processes are started together, as by ``mpiexec -n 4 python train.py``, and each is told its rank. All hold the same
parameters and take the same steps. Each computes the gradient of its share of a batch, and the sum of these over all
ranks is the gradient of the whole batch. MPI carries the sums, through mpi4py; where it is not installed, an error says
what to install.

The terms are MPI's: a rank is the number of a process, from 0; all-reduce gives every rank the sum of all ranks'
values.
"""

from autograd_cnn.distributed.derivatives import value_and_grad
from autograd_cnn.distributed.executor import shared_executor
from autograd_cnn.distributed.recovery import confirm, has_lost_a_rank, newest, survivors
from autograd_cnn.distributed.reduction import Reducer
from autograd_cnn.distributed.world import (
    Alone,
    Communicator,
    DistributedError,
    broadcast,
    require_same,
    share,
    share_of,
    synchronized_batch_norm,
    together,
    total,
    world,
)

__all__ = [
    "Alone",
    "Communicator",
    "DistributedError",
    "Reducer",
    "broadcast",
    "confirm",
    "has_lost_a_rank",
    "newest",
    "require_same",
    "share",
    "share_of",
    "shared_executor",
    "survivors",
    "synchronized_batch_norm",
    "together",
    "total",
    "value_and_grad",
    "world",
]
