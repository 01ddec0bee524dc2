"""A run that goes on without ranks that have failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd_cnn.distributed import newest, survivors
from autograd_cnn.graph import Array

if TYPE_CHECKING:
    from autograd_cnn.training.runs import Run


class Recovery:
    """Brings a run back to the last step that any of the ranks that are left has taken.

    All ranks hold the same parameters after a step. In a step that is broken off only running statistics have changed,
    in its forward pass; these are kept.
    """

    def __init__(self) -> None:
        self._statistics: dict[str, Array] = {}

    def note(self, run: Run) -> None:
        """Keep the running statistics as they are after a step."""
        if run.comm.size > 1:
            self._statistics = {name: p.data.copy() for name, p in run.params.items() if not p.requires_grad}

    def recover(self, run: Run) -> None:
        """Leave out the ranks that have failed, and have the others' state be one; then `Run.fit` goes on.

        All ranks that are left call this.
        """
        run.comm = survivors(run.comm)
        for name, values in self._statistics.items():
            run.params[name].data[...] = values
        mine = {name: p.data for name, p in run.params.items()}, run.optimizer.state_dict(), run.history
        params, optimizer, run.history = newest(mine, len(run.history.step_losses), run.comm)
        for name, values in params.items():
            run.params[name].data[...] = values
        run.optimizer.load_state_dict(optimizer)
