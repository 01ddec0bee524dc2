"""Do two processes with half of every batch each train faster than PyTorch with two threads?

LeNet-5 is trained by the same steps from the same weights: by this package in two processes that MPI connects, each
pinned to a core, and by PyTorch in the first of them with two threads, which may use both cores. They take turns, and
the second process sleeps while PyTorch computes. The losses are compared first.
"""

from __future__ import annotations

import argparse

import script

parser = script.parser(__doc__)
parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
options = script.start(parser)

import json
import os
import subprocess
import time
from collections.abc import Callable

from autograd_cnn import distributed
from autograd_cnn.distributed.launch import AS_ROOT, mpiexec
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, PyTorch
from autograd_cnn.experiments.comparison.frameworks import Shared

BATCHES = [8] if options.quick else [128, 256]
THEIRS, OURS = "PyTorch, 2 threads", "ours, 2 processes"
AWAKE = 2e-3  # seconds that the second process waits for another step of the same turn before it sleeps


def on_all_cores(call: Callable[[], float]) -> Callable[[], float]:
    """Let a call use every core, though its process is pinned to one."""
    if not hasattr(os, "sched_setaffinity"):
        return call
    own, every = os.sched_getaffinity(0), range(os.cpu_count() or 1)

    def free() -> float:
        os.sched_setaffinity(0, every)
        try:
            return call()
        finally:
            os.sched_setaffinity(0, own)

    return free


def follow(comm, step: Callable[[], float]) -> None:
    """Take a step whenever the first process does, until it has taken the last."""
    last = time.perf_counter()
    while True:
        if not comm.Iprobe(source=0):
            if time.perf_counter() - last > AWAKE:
                time.sleep(AWAKE / 4)
        elif comm.recv(source=0):
            step()
            last = time.perf_counter()
        else:
            return


def measure(comm, batch_size: int) -> dict[str, list[float]]:
    """Return the seconds of each step of both, in the first process."""
    weights, images, labels = LENET5.draw(batch_size)
    shared = Shared(LENET5, weights)
    if comm.rank:
        follow(comm, lambda: shared.step(images, labels))
        return {}

    def ours() -> float:
        comm.send(True, 1)
        return shared.step(images, labels)

    runs = {OURS: ours}
    if benchmark.installed(PyTorch):
        theirs = PyTorch(LENET5, weights)
        x, y = theirs.tensor(images), theirs.tensor(labels)
        PyTorch.use_threads(2)
        half = distributed.share_of(batch_size, comm)
        alone = PyTorch(LENET5, weights)  # shows that the shares' steps are those of the whole
        runs = {THEIRS: on_all_cores(lambda: theirs.step(x, y)), OURS: ours}
        for _ in range(3):
            with_torch = alone._F.cross_entropy(LENET5.apply(alone._F, alone.params, x[half]), y[half]).item()
            alone.step(x, y)
            benchmark.require_agreement("a share's loss", {"PyTorch": with_torch, "ours": ours()})
    seconds = benchmark.interleaved(runs, rounds=options.rounds)
    comm.send(False, 1)
    return seconds


if options.rank:
    comm = distributed.world()
    found = [measure(comm, batch_size) for batch_size in BATCHES]
    if comm.rank == 0:
        print(json.dumps(found))
    raise SystemExit

try:
    command = [*mpiexec(2), __file__, "--rank", "--rounds", str(options.rounds), *["--quick"] * options.quick]
except distributed.DistributedError as error:
    parser.error(str(error))
done = subprocess.run(command, env=os.environ | AS_ROOT, stdout=subprocess.PIPE, check=True, text=True)
*notes, result = done.stdout.splitlines()
print(*dict.fromkeys(notes), sep="\n", end="\n" * bool(notes))
found = json.loads(result)
title = "Time of a training step shared by two processes"
report = benchmark.Report("two_processes", title, list(found[0]), "ms", 2, options.rounds)
for batch_size, seconds in zip(BATCHES, found, strict=True):
    report.add(f"{LENET5.name}, batch {batch_size}", seconds)
if options.out:
    report.save(options.out)
