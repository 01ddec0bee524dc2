"""A run that goes on without ranks that have failed."""

from __future__ import annotations

from autograd_cnn.distributed import Communicator, newest, survivors
from autograd_cnn.optim import Optimizer
from autograd_cnn.tensor import Params
from autograd_cnn.training.results import History
from autograd_cnn.variable import Array


class Recovery:
    """Bring a run back to the last step that any of the remaining ranks has taken.

    All ranks hold the same parameters after a step. If a step is interrupted, only the running statistics have changed,
    in its forward pass; so these are copied.
    """

    def __init__(self) -> None:
        self._statistics: dict[str, Array] = {}

    def note(self, comm: Communicator, params: Params) -> None:
        """Copy the running statistics after a step, if there are other ranks."""
        if comm.size > 1:
            self._statistics = {name: p.data.copy() for name, p in params.items() if not p.requires_grad}

    def recover(
        self, comm: Communicator, params: Params, optimizer: Optimizer, history: History
    ) -> tuple[Communicator, History]:
        """Drop the failed ranks, and bring the others to the same state; return their communicator and history.

        All remaining ranks must call this.
        """
        comm = survivors(comm)
        for name, values in self._statistics.items():
            params[name].data[...] = values
        mine = {name: p.data for name, p in params.items()}, optimizer.state_dict(), history
        arrays, state, history = newest(mine, len(history.step_losses), comm)
        for name, values in arrays.items():
            params[name].data[...] = values
        optimizer.load_state_dict(state)
        return comm, history
