"""How much memory does one training step take at its peak, compared with PyTorch?

This measures the resident memory of the whole process, as the system counts it: its high-water mark during the step
minus what was resident before. Each network in each framework runs in a process of its own, once a round. Before the
step, the process holds the framework, the weights, the batch, and what a first step on two images leaves behind:
libraries that are initialised, compiled kernels, the optimizer's momentum. So what is counted is what the step itself
needs: activations, gradients, columns and scratch. Memory that an allocator keeps for later counts as well, because no
other program can use it.

On Linux the high-water mark is set back just before the step; elsewhere it is that of the process's whole life, and
would be too high if loading the libraries had taken more than the step. Where the C library can, it returns freed
memory first. The allocator settings that this package makes on import are not made in PyTorch's process.
"""

from __future__ import annotations

import script

parser = script.parser(__doc__, rounds=5)
parser.add_argument("--alone", nargs=3, metavar=("FRAMEWORK", "NETWORK", "BATCH"), help="measure one, print its bytes")
options = script.start(parser)

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import psutil

from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, VGG, Framework, Network, Ours, PyTorch
from autograd_cnn.experiments.comparison.networks import NETWORKS, RESNET
from autograd_cnn.experiments.comparison.questions import names, title

FRAMEWORKS = {framework.name: framework for framework in (PyTorch, Ours)}


def step_memory(framework: type[Framework], network: Network, batch_size: int) -> int:
    """Return the bytes by which a step raises the peak memory of this process."""
    weights, images, labels = network.draw(batch_size)
    learner = framework(network, weights)
    learner.step(framework.tensor(images[:2]), framework.tensor(labels[:2]))
    x, y = framework.tensor(images), framework.tensor(labels)
    return_freed_memory()
    forget_high_water()
    before = psutil.Process().memory_info().rss
    learner.step(x, y)
    return high_water() - before


def return_freed_memory() -> None:
    """Return freed memory to the system where the C library can; otherwise a step could hide in it."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def forget_high_water() -> None:
    """Set the high-water mark back to what is resident now, where the system can."""
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")


def high_water() -> int:
    """Return the most bytes that were resident at once."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS


def in_a_process(framework: type[Framework], network: Network, batch_size: int) -> int:
    """Measure in a fresh process."""
    alone = ["--alone", framework.name, network.name, str(batch_size), "--threads", str(options.threads)]
    keep = {} if framework is Ours else {"AUTOGRAD_CNN_KEEP_MEMORY": "0"}
    done = subprocess.run(
        [sys.executable, __file__, *alone], env=os.environ | keep, stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout)


def main() -> None:
    if options.alone:
        name, network, batch_size = options.alone
        framework = FRAMEWORKS[name]
        framework.use_threads(options.threads)
        print(step_memory(framework, NETWORKS[network], int(batch_size)))
        return
    frameworks = benchmark.installed(*FRAMEWORKS.values())
    heading = title("Peak memory of a training step", frameworks)
    report = benchmark.Report("memory", heading, names(frameworks), "MiB", options.threads, options.rounds)
    for network, batch_size in [(LENET5, 32)] if options.quick else [(LENET5, 256), (VGG, 64), (RESNET, 64)]:
        samples = {f.name: [in_a_process(f, network, batch_size) for _ in range(options.rounds)] for f in frameworks}
        report.add(f"{network.name}, batch {batch_size}", samples)
    if options.out:
        report.save(options.out)


main()
