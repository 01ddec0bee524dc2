"""Is a training step slower with several threads than with one, while other processes keep the machine's cores busy?

LeNet-5 is trained in this process with one thread and with `--threads` (2, unless told otherwise), in turn: on the
machine as it is, and beside as many other processes as threads, which do nothing but count.
"""

from __future__ import annotations

import script

options = script.start(script.parser(__doc__))

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import autograd_cnn as ac
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, Ours
from autograd_cnn.experiments.comparison.questions import training_steps

several = max(options.threads, 2)


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` processes counting."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def with_threads(count: int, batch_size: int):
    """Return a training step that sets the number of threads first."""
    step = training_steps(LENET5, batch_size, [Ours])[Ours.name]

    def call() -> None:
        ac.set_num_threads(count)
        step()

    return call


rivals = ["1 thread", f"{several} threads"]
report = benchmark.Report(
    "busy_machine", f"Time of a training step of LeNet-5 with {several} threads, beside one's", rivals, "ms", several,
    options.rounds,
)  # fmt: skip
for others in (0, several):
    for batch_size in [8] if options.quick else [32, 128, 256]:
        calls = {name: with_threads(count, batch_size) for name, count in zip(rivals, (1, several), strict=True)}
        with busy(others):
            seconds = benchmark.interleaved(calls, rounds=options.rounds)
        report.add(f"batch {batch_size}, {others or 'no'} other processes", seconds)
if options.out:
    report.save(options.out)
