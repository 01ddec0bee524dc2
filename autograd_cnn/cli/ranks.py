"""Training in several processes: which of them prints, and what happens if one fails."""

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

    All ranks but rank 0 print nothing until the second argument is closed, and leave common errors to rank 0.
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
        # Only this rank failed, and the others wait for it. Leaving MPI would wait for them; just exiting makes mpiexec
        # end them all.
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
    """Call a training function; if ranks fail and MPI lets the others go on, call it again without them.

    The first of the remaining ranks prints, and locks the folder.
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
