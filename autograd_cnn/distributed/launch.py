"""Start the command line in several processes on this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autograd_cnn.distributed.world import DistributedError

# One BLAS thread each, because the processes share the cores.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM")}
#: Open MPI refuses to start as root unless told twice; in a container there is nobody else.
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run the command line in several processes, each pinned to a core if there are enough, and return its status.

    Raises
    ------
    DistributedError
        If MPI is missing.
    """
    environment = os.environ | _ONE_THREAD | AS_ROOT
    # In a session of its own, so that Ctrl-C reaches this process alone.
    command = [*mpiexec(processes), "-m", "autograd_cnn", *arguments]
    with subprocess.Popen(command, env=environment, start_new_session=True) as ranks:
        try:
            return ranks.wait()
        except KeyboardInterrupt:  # the ranks end too, between two steps and with their state saved
            ranks.terminate()
            ranks.wait()
            raise


def mpiexec(processes: int) -> list[str]:
    """Return the command that starts Python in several processes on this machine."""
    beside = Path(sys.executable).parent
    found = shutil.which("mpiexec", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if found is None or importlib.util.find_spec("mpi4py") is None:
        raise DistributedError(
            "several processes train together through MPI, which is not there; install it with: "
            'pip install "autograd-cnn[mpi]"'
        )
    binding = ["--bind-to", "core"] if processes <= cores() else ["--bind-to", "none", "--oversubscribe"]
    return [found, "-n", str(processes), *binding, sys.executable]


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
