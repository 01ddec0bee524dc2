"""A training in several processes: who speaks, and what becomes of one that fails."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from autograd_cnn.cli import options
from autograd_cnn.output.text import count

if TYPE_CHECKING:
    from autograd_cnn.distributed import Communicator
    from autograd_cnn.training.run_results import Results
    from autograd_cnn.training.runs import Run


def run(function: Callable[[Communicator, contextlib.ExitStack], None]) -> int:
    """Call a function as one of several processes, and return the exit status.

    All but rank 0 are silent, until the second argument is closed, and leave what all have to say to it.
    """
    from autograd_cnn.distributed import DistributedError, world
    from autograd_cnn.training.errors import TrainingError

    comm = world()
    try:
        with contextlib.ExitStack() as silence:
            if comm.rank:
                silence.enter_context(contextlib.redirect_stdout(io.StringIO()))
            function(comm, silence)
    except (DistributedError, TrainingError):  # raised on every rank
        if comm.rank == 0:
            raise
        return options.FAILURE
    except Exception:
        # On this rank alone: the others wait for it, and it for them as MPI is left; without that mpiexec ends all.
        atexit.register(_leave, options.FAILURE)
        raise
    return 0


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def train(
    run: Run,
    function: Callable[[], Results | None],
    held: contextlib.ExitStack,
    silence: contextlib.ExitStack | None,
) -> Results | None:
    """Call what trains, again without the ranks that have failed, where MPI lets the others go on.

    The first of those that are left speaks, and keeps the folder.
    """
    from autograd_cnn.distributed import has_lost_a_rank
    from autograd_cnn.training.run_folder import hold

    while True:
        was_first = run.comm.rank == 0
        try:
            return function()
        except Exception as error:
            if not has_lost_a_rank(error, run.comm):
                raise
        run.comm, run.history = run.recovery.recover(run.comm, run.params, run.optimizer, run.history)
        if run.comm.rank == 0:
            if not was_first and silence is not None:
                silence.close()
                held.enter_context(hold(run.folder))
            left = count(run.comm.size, "process goes", "processes go")
            print(f"a process was lost; {left} on after step {len(run.history.step_losses):,}", file=sys.stderr)
