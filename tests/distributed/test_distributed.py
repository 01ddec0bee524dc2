"""Two and three processes on this machine: the same gradients as one, bit for bit the same from run to run."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import distributed

ROOT = Path(__file__).parents[2]
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

needs_mpi = pytest.mark.skipif(
    not (MPIEXEC and importlib.util.find_spec("mpi4py")),
    reason='MPI is not installed: pip install "autograd-cnn[mpi]"',
)


AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OPENBLAS_NUM_THREADS": "1"}


def mpi(ranks, *command, **options):
    """Run Python in several processes, on this machine alone."""
    start = [MPIEXEC, "-n", str(ranks), "--oversubscribe", "--mca", "btl", "self,sm,tcp", "--mca", "btl_tcp_if_include"]
    return subprocess.run(
        [*start, "lo", sys.executable, *map(str, command)],
        cwd=ROOT, env=os.environ | AS_ROOT, capture_output=True, text=True, timeout=300, **options,
    )  # fmt: skip


def outcome(ranks, case):
    done = mpi(ranks, "-m", "tests.distributed.cases", case)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["size"] == ranks
    return found["result"]


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3])
def test_the_gradients_are_those_of_one_process(ranks):
    found = outcome(ranks, "gradients")
    assert len(found) == 8
    for case, error in found.items():
        assert error < (1e-5 if case.startswith("float32") else 1e-12), case


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3])
def test_batch_norm_on_request_has_the_statistics_of_the_whole_batch(ranks):
    found = outcome(ranks, "synchronized")
    assert f"synchronized among {ranks} ranks, each with a share; got a batch of 1" in found.pop("refused")
    assert len(found) == 3
    assert max(found.values()) < 1e-12


@needs_mpi
def test_gradients_are_right_whatever_the_graph_looks_like():
    found = outcome(2, "shapes_of_graphs")
    assert len(found) == 2
    assert max(found.values()) < 1e-12


@needs_mpi
def test_ranks_begin_alike_or_not_at_all():
    found = outcome(3, "start")
    assert found["same"] == [True] * 3
    options, parameters = found["refused"]
    assert options.startswith("rank 1 differs from rank 0 in the option 'seed': 1 instead of 0; start all ranks")
    assert "rank 1 differs from rank 0 in the parameter 'w': 'float64 (3,)' instead of 'float64 (2,)'" in parameters


class Two(distributed.Alone):
    """A second rank of which nothing comes back."""

    size = 2


@pytest.mark.parametrize("count", range(9))
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_even_and_complete(count, size):
    parts = []
    for rank in range(size):
        comm = Two()
        comm.rank, comm.size = rank, size
        parts.append(distributed.share(list(range(count)), comm))
    assert [item for part in parts for item in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_needs_no_mpi():
    step = distributed.value_and_grad(lambda p, x: ac.mean(p["w"] * x), distributed.Alone())
    value, gradient = step({"w": np.float64(3)}, np.array([1.0, 2.0]))
    assert value == 4.5
    assert gradient == {"w": 1.5}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((np.ones(2), np.ones(3)), r"got lengths \[2, 3\]"),
        ((np.ones(0),), r"got lengths \[0\]"),
        ((), r"got lengths \[\]"),
    ],
)
def test_a_batch_that_cannot_be_shared_is_refused(batch, message):
    step = distributed.value_and_grad(lambda w, *_: ac.sum(w), distributed.Alone())
    with pytest.raises(ValueError, match=message):
        step(np.ones(1), *batch)


def test_a_loss_of_several_numbers_is_refused():
    step = distributed.value_and_grad(lambda w, x: w * x, distributed.Alone())
    with pytest.raises(ValueError, match=r"f returns one number; it returned shape \(2,\)"):
        step(np.ones(1), np.ones(2))


def test_without_mpi_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(distributed.DistributedError, match=r'pip install "autograd-cnn\[mpi\]"'):
        distributed.world()
